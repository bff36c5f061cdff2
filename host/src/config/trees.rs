//! The served trees: which directory, file or component belongs to which URL path. The sandbox opens them.

use super::mounted::{MountSource, source};
use super::roots::Roots;
use crate::access::{check_directory, check_file};
use crate::args::{Args, HandlerOption, Mount, MountVariable, OperandHint};
use crate::bounded_file;
use crate::chain::HandlerSource;
use crate::component_file::{ComponentFile, Packed};
use crate::error::StartupError;
use glasshouse_core::Config as HandlerConfig;
use glasshouse_core::config::options;
use glasshouse_core::http::target::Target;
use glasshouse_sandbox::ServedPath;
use std::cmp::Reverse;
use std::fs;
use std::io::{self, ErrorKind};
use std::path::{self, Path};

/// A URL path, with the component that answers there and what it may read.
#[derive(Debug)]
pub(crate) struct ServedTree {
    /// The URL path; `None` for the root.
    pub(crate) at: Option<Target>,
    /// Absolute, and readable at the start. Links in the path are kept, so a reload follows them again. `None` if the
    /// component gets no directory.
    pub(crate) tree: Option<ServedPath>,
    pub(crate) component: TreeComponent,
}

impl Roots {
    /// The roots of all trees that have a directory.
    pub(crate) fn of(trees: &[ServedTree]) -> Roots {
        let mut roots = Roots::default();
        trees.iter().filter_map(|served| served.tree.as_ref()).for_each(|tree| roots.add(tree));
        roots
    }
}

/// The component of a tree.
#[derive(Debug)]
pub(crate) enum TreeComponent {
    /// The handler of all trees that are not mounted components, behind its middleware.
    Handler,
    /// The component of a mount, with its variables.
    Mounted { file: ComponentFile, variables: Vec<(String, String)> },
}

/// The tree at the root.
#[derive(Clone, Copy, Debug)]
pub(crate) enum RootTree<'a> {
    /// Paths outside of the mounts are not found.
    Absent,
    /// The handler reads no directory.
    WithoutDirectory,
    /// The hint is for the error about a path that does not exist.
    Directory(&'a Path, Option<&'a OperandHint>),
}

/// The trees in the order in which a request tries them: deeper URL paths first, and the root, which every path belongs
/// to, last.
///
/// # Errors
/// Two trees at one URL path, a directory or a file that cannot be read, variables for a path without a component.
pub(crate) fn trees(
    root: RootTree<'_>,
    mounts: &[Mount],
    variables: &[MountVariable],
) -> Result<Vec<ServedTree>, StartupError> {
    let mut mounts: Vec<&Mount> = mounts.iter().collect();
    mounts.sort_by_key(|mount| (Reverse(mount.at.names().len()), mount.at.path()));
    for (one, other) in mounts.iter().zip(mounts.iter().skip(1)) {
        if one.at.names() == other.at.names() {
            return Err(StartupError::Usage(format!(
                "--mount: two directories for '/{}'; leave one out",
                one.at.path()
            )));
        }
    }
    let mut trees = mounts.into_iter().map(|mount| mounted(mount, variables)).collect::<Result<Vec<_>, _>>()?;
    if let Some(MountVariable { at, name, .. }) = variables.iter().find(|variable| !has_component(&trees, &variable.at))
    {
        let at = at.path();
        return Err(StartupError::Usage(format!(
            "--mount-env: no component is mounted at '/{at}', so {name} has no effect; mount one with --mount \
             /{at}=FILE.wasm"
        )));
    }
    let of_handler = |tree| ServedTree { at: None, tree, component: TreeComponent::Handler };
    match root {
        RootTree::Absent => {}
        RootTree::WithoutDirectory => trees.push(of_handler(None)),
        RootTree::Directory(path, hint) => trees.push(of_handler(Some(rooted(path, hint)?))),
    }
    Ok(trees)
}

fn has_component(trees: &[ServedTree], at: &Target) -> bool {
    let is_component = |served: &&ServedTree| matches!(served.component, TreeComponent::Mounted { .. });
    trees.iter().filter(is_component).any(|served| served.at.as_ref().is_some_and(|other| other.names() == at.names()))
}

/// The tree of a mount.
fn mounted(mount: &Mount, variables: &[MountVariable]) -> Result<ServedTree, StartupError> {
    let at = Some(mount.at.clone());
    let (file, directory) = match source(&mount.source) {
        MountSource::Directory(path) => {
            return Ok(ServedTree { at, tree: Some(directory(path)?), component: TreeComponent::Handler });
        }
        MountSource::Component { file, directory } => (file, directory),
    };
    let (name, url) = (file.display(), mount.at.path());
    let read = ComponentFile::read(file).map_err(|reason| {
        let fix = "name a WebAssembly component or a directory with --mount";
        StartupError::CannotServe(format!("cannot read the component '{name}': {reason}; {fix}"))
    })?;
    if let Some(directory) = directory
        && !read.facts.needs_directory
    {
        return Err(StartupError::Usage(format!(
            "--mount: the component '{name}' reads no directory, so '{}' has no effect; write /{url}={name}",
            directory.display()
        )));
    }
    let of_mount = variables.iter().filter(|variable| variable.at.names() == mount.at.names());
    let variables = of_mount.map(|variable| (variable.name.clone(), variable.value.clone())).collect();
    // Other components may have variables of these names with another meaning.
    if read.facts.packed != Packed::No {
        HandlerConfig::from_pairs(Vec::clone(&variables))
            .map_err(|error| StartupError::Usage(format!("--mount-env /{url}: {error}")))?;
    }
    let tree = directory.map(self::directory).transpose()?;
    Ok(ServedTree { at, tree, component: TreeComponent::Mounted { file: read, variables } })
}

/// A warning about a mounted component that reads a directory and gets none.
pub(crate) fn without_directory(served: &ServedTree) -> Option<String> {
    let TreeComponent::Mounted { file, .. } = &served.component else { return None };
    let (at, name) = (served.at.as_ref()?.path(), file.path.display());
    (served.tree.is_none() && file.facts.needs_directory).then(|| {
        format!("the component '{name}' reads a directory and gets none; write --mount /{at}={name}:DIR to give it one")
    })
}

/// The URL path of the last tree: that of the root with its prefix, or else that of a mount.
pub(crate) fn entry(trees: &[ServedTree], prefix: Option<&HandlerOption>) -> String {
    let root = || prefix.and_then(|prefix| options::prefix(&prefix.text).ok().flatten());
    let at = trees.last().and_then(|served| served.at.clone()).or_else(root);
    at.map_or_else(|| "/".to_owned(), |at| at.location())
}

/// The directory or file of the root.
fn rooted(path: &Path, hint: Option<&OperandHint>) -> Result<ServedPath, StartupError> {
    let name = path.display();
    let error = match (inspect(path), hint) {
        (Ok(ServedPath::File { .. }), Some(hint @ OperandHint::Value { flag, .. })) if flag == "--spa" => {
            return Err(StartupError::Usage(format!(
                "cannot serve '{name}' with --spa: a single file has no other paths; {hint}"
            )));
        }
        (Ok(tree), _) => return Ok(tree),
        (Err(error), Some(hint)) if error.kind() == ErrorKind::NotFound => {
            return Err(StartupError::Usage(format!("cannot serve '{name}': no such directory or file; {hint}")));
        }
        (Err(error), _) => error,
    };
    let reason = match error.kind() {
        ErrorKind::NotFound => "no such directory or file; name an existing one".to_owned(),
        ErrorKind::NotADirectory => "not a directory or a file; name one".to_owned(),
        ErrorKind::PermissionDenied => "permission denied; name one that you may read".to_owned(),
        ErrorKind::InvalidInput => "a file whose name is not UTF-8 has no URL; rename it".to_owned(),
        _ => format!("{}; name another one", bounded_file::reason(&error)),
    };
    Err(StartupError::io(format!("cannot serve '{name}': {reason}"), error))
}

/// The directory of a mount.
fn directory(path: &Path) -> Result<ServedPath, StartupError> {
    let found = inspect(path).and_then(|tree| match tree {
        ServedPath::Directory(_) => Ok(tree),
        ServedPath::File { .. } => Err(ErrorKind::NotADirectory.into()),
    });
    found.map_err(|error| {
        let reason = match error.kind() {
            ErrorKind::NotFound => "no such directory; name an existing one with --mount".to_owned(),
            ErrorKind::NotADirectory => {
                "not a directory; name the directory of the file with --mount, or a component whose name ends in .wasm"
                    .to_owned()
            }
            ErrorKind::PermissionDenied => "permission denied; name one that you may read with --mount".to_owned(),
            _ => format!("{}; name another one with --mount", bounded_file::reason(&error)),
        };
        StartupError::io(format!("cannot serve '{}': {reason}", path.display()), error)
    })
}

fn inspect(path: &Path) -> io::Result<ServedPath> {
    let found = fs::metadata(path)?;
    let absolute = path::absolute(path)?;
    if found.is_dir() {
        // Without search permission every request would be a 404 without a reason. The sandbox opens it for reading.
        check_directory(path)?;
        return Ok(ServedPath::Directory(absolute));
    }
    let (true, Some(directory), Some(name)) = (found.is_file(), absolute.parent(), absolute.file_name()) else {
        return Err(ErrorKind::NotADirectory.into());
    };
    check_file(path)?;
    let name = name.to_str().ok_or(ErrorKind::InvalidInput)?;
    Ok(ServedPath::File { directory: directory.to_owned(), name: name.to_owned() })
}

/// The tree at the root. A directory that the handler would not read is an error, because the operator expects that its
/// files are served.
pub(crate) fn root<'a>(args: &'a Args, handler: &HandlerSource) -> Result<RootTree<'a>, StartupError> {
    match (&args.directory, handler) {
        (directory, HandlerSource::File(file)) if !handler.needs_directory() => match directory {
            Some(directory) if args.directory_is_set => Err(StartupError::Usage(format!(
                "cannot serve '{}': the handler '{}' reads no directory; leave the directory out, or --handler",
                directory.display(),
                file.path.display()
            ))),
            _ => Ok(RootTree::WithoutDirectory),
        },
        (Some(directory), _) => Ok(RootTree::Directory(directory, args.path_hint.as_ref())),
        (None, _) => Ok(RootTree::Absent),
    }
}

/// Checks that the trees use the handler and its middleware, and that the handler can read the mounted directories.
pub(crate) fn check_use(
    trees: &[ServedTree],
    handler: &HandlerSource,
    middleware: &[ComponentFile],
) -> Result<(), StartupError> {
    let of_handler = || trees.iter().filter(|served| matches!(served.component, TreeComponent::Handler));
    if of_handler().next().is_none() {
        let option = match handler {
            HandlerSource::File(_) => "--handler",
            HandlerSource::Embedded if !middleware.is_empty() => "--with",
            HandlerSource::Embedded => return Ok(()),
        };
        let fix = "only components are mounted; name a directory with -d, or leave the option out";
        return Err(StartupError::Usage(format!("{option}: {fix}")));
    }
    let mounted = of_handler().find_map(|served| served.at.as_ref().zip(served.tree.as_ref()));
    match (handler, mounted) {
        (HandlerSource::File(file), Some((at, tree))) if !handler.needs_directory() => {
            Err(StartupError::Usage(format!(
                "--mount: the handler '{}' reads no directory, so it cannot serve '{}' at '/{}'; mount a component \
                 with --mount /PATH=FILE.wasm",
                file.path.display(),
                tree.path().display(),
                at.path()
            )))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn root_of(root: Option<&str>) -> RootTree<'_> {
        root.map_or(RootTree::Absent, |root| RootTree::Directory(Path::new(root), None))
    }

    fn at(paths: &[&str], root: Option<&str>) -> Result<Vec<String>, StartupError> {
        let mounts: Vec<_> =
            paths.iter().map(|path| Mount::parse(format!("{path}=src").into()).expect("a mount")).collect();
        let trees = trees(root_of(root), &mounts, &[])?;
        Ok(trees.iter().map(|served| served.at.as_ref().map(Target::path).unwrap_or_default()).collect())
    }

    #[test]
    fn deeper_paths_come_first() {
        let expected = ["a/b/c", "a/b", "a c", "b"].map(str::to_owned);
        assert_eq!(at(&["/b", "/a/b", "/a c", "/a/b/c"], None), Ok(expected.to_vec()));
        assert_eq!(at(&["/b"], Some(".")), Ok(vec!["b".to_owned(), String::new()]));
    }

    #[test]
    fn the_banner_links_to_a_served_path() {
        let passed = HandlerOption { name: "prefix", text: "p q".into(), location: String::new() };
        let mounts = ["/a/b", "/a c"].map(|path| Mount::parse(format!("{path}=src").into()).expect("a mount"));
        for (root, prefix, expected) in
            [(Some("."), None, "/"), (Some("."), Some(&passed), "/p%20q/"), (None, None, "/a%20c/")]
        {
            let trees = trees(root_of(root), &mounts, &[]).unwrap();
            assert_eq!(entry(&trees, prefix), expected);
        }
    }

    #[test]
    fn a_path_has_one_directory() {
        let error = StartupError::Usage("--mount: two directories for '/a/b'; leave one out".into());
        assert_eq!(at(&["/a/b", "/b/c", "//a/b/"], None), Err(error));
    }
}
