//! `GLASSHOUSE_ROOT`: a directory that cannot be served. `matrix::rows_stock_root` tests one that can.

use crate::support::client::get;
use crate::support::fixture::OnDisk;
use crate::support::server::{Setup, Stack, TestServer};

/// The log names the directory, and a client does not learn it.
#[test]
fn a_root_that_is_missing_is_an_error_of_the_configuration() {
    let disk = OnDisk::new();
    for stack in [Stack::StockP3, Stack::StockP2] {
        for (root, reason) in [
            ("/nowhere", "cannot open the directory 'nowhere' below the preopen: "),
            ("hello.txt", "cannot open the directory 'hello.txt' below the preopen: "),
            ("links/escape-dir", "cannot open the directory 'links/escape-dir' below the preopen: "),
            ("links/escape-root", "cannot open the directory 'links/escape-root' below the preopen: "),
            ("../www-secret", "invalid path '../www-secret'"),
        ] {
            let (directory, options) = (disk.root(), [("GLASSHOUSE_ROOT", root)]);
            let setup = Setup { stack, directory: &directory, options: &options, arguments: &[], unprivileged: false };
            let server = TestServer::launch(setup);
            let answer = get(server.address(), "/");
            assert_eq!(answer.head.status, 500, "{stack:?} {root}");
            assert!(!answer.text().contains(root), "{stack:?}: {}", answer.text());
            server.wait_for_stderr(reason, |text| {
                text.lines().any(|line| line.contains("GLASSHOUSE_ROOT: ") && line.contains(reason)).then_some(())
            });
        }
    }
}
