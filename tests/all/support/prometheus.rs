//! A strict parser of the Prometheus text format 0.0.4. It also rejects valid input that glasshouse never writes:
//! timestamps, comments, and samples without a type.

use std::collections::{BTreeMap, BTreeSet};

/// Samples by name and labels, as they are written.
pub type MetricSamples = BTreeMap<String, f64>;

/// A metric family: its name, and the type that says which samples it may have.
#[derive(Clone, Copy)]
struct Family<'a> {
    name: &'a str,
    kind: &'a str,
}

/// # Errors
/// The first line that is wrong, or the histogram that does not add up.
pub fn read(text: &str) -> Result<MetricSamples, String> {
    let (mut samples, mut families) = (MetricSamples::new(), BTreeSet::new());
    let (mut help, mut family) = (None, None);
    for line in text.strip_suffix('\n').ok_or("no line break at the end")?.split('\n') {
        let wrong = || format!("{line:?}");
        if let Some(rest) = line.strip_prefix("# HELP ") {
            help = Some(rest.split_once(' ').ok_or_else(wrong)?.0);
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            let next = declared(rest).filter(|next| help == Some(next.name)).ok_or_else(wrong)?;
            // All lines of a family stand together.
            if !families.insert(next.name) {
                return Err(wrong());
            }
            family = Some(next);
        } else {
            let (series, value) = sample(line, family.ok_or_else(wrong)?).ok_or_else(wrong)?;
            if samples.insert(series.to_owned(), value).is_some() {
                return Err(wrong());
            }
        }
    }
    adds_up(&samples).map(|()| samples)
}

fn declared(text: &str) -> Option<Family<'_>> {
    let (name, kind) = text.split_once(' ')?;
    (is_name(name) && ["counter", "gauge", "histogram"].contains(&kind)).then_some(Family { name, kind })
}

fn is_name(text: &str) -> bool {
    text.starts_with(|char: char| char.is_ascii_alphabetic() || matches!(char, '_' | ':'))
        && text.chars().all(|char| char.is_ascii_alphanumeric() || matches!(char, '_' | ':'))
}

/// A series with its value, of the family that was declared last.
fn sample<'a>(line: &'a str, family: Family) -> Option<(&'a str, f64)> {
    let (series, value) = line.rsplit_once(' ')?;
    let (name, labels) = match series.split_once('{') {
        Some((name, rest)) => (name, Some(rest.strip_suffix('}')?)),
        None => (series, None),
    };
    let fits = match (family.kind, name.strip_prefix(family.name)?) {
        ("histogram", "_bucket") => labels.is_some_and(|labels| labels.starts_with("le=")),
        ("histogram", suffix) => matches!(suffix, "_sum" | "_count") && labels.is_none(),
        (_, suffix) => suffix.is_empty(),
    };
    let value: f64 = value.parse().ok()?;
    (fits && labels.is_none_or(|labels| labels.split(',').all(is_label)) && value >= 0.0).then_some((series, value))
}

fn is_label(text: &str) -> bool {
    let parts = text.split_once("=\"").and_then(|(name, value)| Some((name, value.strip_suffix('"')?)));
    parts.is_some_and(|(name, value)| {
        is_name(name) && !name.contains(':') && !name.starts_with("__") && !value.contains(['"', '\\', '\n'])
    })
}

/// Whether the buckets of each histogram rise, to the count of all.
fn adds_up(samples: &MetricSamples) -> Result<(), String> {
    let mut histograms: BTreeMap<&str, Vec<(f64, f64)>> = BTreeMap::new();
    for (series, value) in samples {
        let Some((name, bound)) = series.split_once("_bucket{le=\"") else { continue };
        let bound = bound.trim_end_matches("\"}").replace("+Inf", "inf").parse().map_err(|_| series.clone())?;
        histograms.entry(name).or_default().push((bound, *value));
    }
    for (name, mut buckets) in histograms {
        buckets.sort_by(|one, other| one.0.total_cmp(&other.0));
        let count = samples.get(&format!("{name}_count")).map(|count| (f64::INFINITY, *count));
        let has_sum = samples.contains_key(&format!("{name}_sum"));
        let rises = buckets.is_sorted_by(|one, other| one.1 <= other.1);
        if !rises || !has_sum || buckets.last().copied() != count {
            return Err(format!("{name}: {buckets:?}, {count:?}"));
        }
    }
    Ok(())
}

#[test]
fn nonsense_is_refused() {
    let whole = |count: u32| {
        format!(
            "# HELP d x\n# TYPE d histogram\nd_bucket{{le=\"1\"}} 1\nd_bucket{{le=\"+Inf\"}} 2\nd_sum 1.5\nd_count {count}\n"
        )
    };
    assert_eq!(read(&whole(2)).map(|samples| samples.len()), Ok(4));
    assert!(read(&(whole(2) + "# HELP a b\n# TYPE a counter\na{b=\"c\"} 1\na{b=\"d\"} 2\n")).is_ok());
    for text in [
        whole(3),
        whole(2).replace("d_sum 1.5\n", ""),
        whole(2).replace("le=\"1\"} 1", "le=\"1\"} 3"),
        whole(2).replace("_bucket{le=\"1\"}", "_bucket"),
        whole(2) + "# HELP a b\n# TYPE a counter\na 1",
        whole(2) + "a 1\n",
        whole(2) + "# TYPE a counter\na 1\n",
        whole(2) + "# HELP a b\n# TYPE a counter\na 1\na 1\n",
        whole(2) + "# HELP a b\n# TYPE a counter\na{b=c} 1\n",
        whole(2) + "# HELP a b\n# TYPE a counter\na{b=\"c\"d} 1\n",
        whole(2) + "# HELP a b\n# TYPE a counter\na one\n",
        whole(2) + "# HELP a b\n# TYPE a counter\na -1\n",
        whole(2) + "# HELP a b\n# TYPE a number\na 1\n",
        whole(2) + "# HELP 1a b\n# TYPE 1a counter\n1a 1\n",
        whole(2) + "\n",
    ] {
        assert!(read(&text).is_err(), "{text}");
    }
}
