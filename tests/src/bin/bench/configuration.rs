//! The configuration of nginx, lighttpd, h2o and glasshouse: two workers, sendfile and room for all idle connections.

use crate::servers::{Profile, Setup};
use rustix::process::{Resource, getrlimit};
use std::process::Command;

/// The seconds for which a server keeps an idle connection.
const KEEP_ALIVE: u32 = 600;

/// `text` for one profile, else nothing.
fn only(setup: Setup<'_>, profile: Profile, text: String) -> String {
    if setup.profile == profile { text } else { String::new() }
}

/// nginx as its manual advises for static files.
pub fn nginx(setup: Setup<'_>) -> String {
    // Only root can choose the user, and the default user of root's workers cannot read the directory.
    let user = if rustix::process::geteuid().is_root() { "user root;" } else { "" };
    let log = match setup.profile {
        Profile::Logged => format!("access_log \"{}\" combined;", setup.access_log().display()),
        _ => "access_log off;".into(),
    };
    let gzip = only(setup, Profile::Gzip, "gzip on; gzip_types text/plain;".into());
    let listen = only(setup, Profile::Tls, " ssl http2".into());
    let certificate = format!(
        "ssl_protocols TLSv1.2 TLSv1.3; ssl_certificate \"{}\"; ssl_certificate_key \"{}\";",
        setup.certificate().display(),
        setup.private_key().display()
    );
    let tls = only(setup, Profile::Tls, certificate);
    let (tree, run, port) = (setup.tree.display(), setup.run.display(), setup.port);
    format!(
        "{user}
daemon off;
worker_processes 2;
pid \"{run}/nginx.pid\";
error_log \"{run}/error.log\" crit;
events {{ worker_connections 16384; }}
http {{
    {log}
    {gzip}
    sendfile on;
    tcp_nopush on;
    keepalive_timeout {KEEP_ALIVE}s;
    keepalive_requests 1000000000;
    default_type application/octet-stream;
    types {{ text/plain txt; }}
    client_body_temp_path \"{run}/nginx-body\";
    proxy_temp_path \"{run}/nginx-proxy\";
    fastcgi_temp_path \"{run}/nginx-fastcgi\";
    uwsgi_temp_path \"{run}/nginx-uwsgi\";
    scgi_temp_path \"{run}/nginx-scgi\";
    server {{
        listen 127.0.0.1:{port}{listen};
        {tls}
        root \"{tree}\";
        autoindex on;
    }}
}}
"
    )
}

/// lighttpd with two workers. As in the Debian package, it keeps compressed files in a directory, which is new at each
/// start.
pub fn lighttpd(setup: Setup<'_>) -> String {
    // lighttpd accepts at most one connection for two descriptors.
    let connections = getrlimit(Resource::Nofile).current.unwrap_or(1 << 16).min(1 << 16) / 2;
    let (tree, run, port) = (setup.tree.display(), setup.run.display(), setup.port);
    let module = match setup.profile {
        Profile::Plain => "",
        Profile::Gzip => "\"mod_deflate\",",
        Profile::Logged => "\"mod_accesslog\",",
        Profile::Tls => "\"mod_openssl\",",
    };
    let options = match setup.profile {
        Profile::Plain => String::new(),
        Profile::Gzip => format!(
            "deflate.mimetypes = ( \"text/\" )\n\
             deflate.allowed-encodings = ( \"gzip\" )\ndeflate.cache-dir = \"{run}/deflate\"\n"
        ),
        Profile::Logged => format!("accesslog.filename = \"{}\"", setup.access_log().display()),
        Profile::Tls => format!(
            "ssl.engine = \"enable\"\nssl.pemfile = \"{}\"\nssl.privkey = \"{}\"",
            setup.certificate().display(),
            setup.private_key().display()
        ),
    };
    format!(
        "server.document-root = \"{tree}\"
server.bind = \"127.0.0.1\"
server.port = {port}
server.max-worker = 2
server.max-fds = {fds}
server.max-connections = {connections}
server.max-keep-alive-requests = 1000000000
server.max-keep-alive-idle = {KEEP_ALIVE}
server.errorlog = \"{run}/error.log\"
server.modules = ( {module} \"mod_dirlisting\", \"mod_staticfile\" )
dir-listing.activate = \"enable\"
mimetype.assign = ( \".txt\" => \"text/plain\", \"\" => \"application/octet-stream\" )
{options}
",
        fds = connections * 2
    )
}

/// h2o with two threads.
pub fn h2o(setup: Setup<'_>) -> String {
    let user = if rustix::process::geteuid().is_root() { "user: root" } else { "" };
    let log = only(setup, Profile::Logged, format!("access-log: \"{}\"", setup.access_log().display()));
    let gzip = only(setup, Profile::Gzip, "compress: [ gzip ]".into());
    let certificate = format!(
        "  ssl:
    certificate-file: \"{}\"
    key-file: \"{}\"
    ocsp-update-interval: 0",
        setup.certificate().display(),
        setup.private_key().display()
    );
    let tls = only(setup, Profile::Tls, certificate);
    let (tree, run, port) = (setup.tree.display(), setup.run.display(), setup.port);
    format!(
        "{user}
num-threads: 2
max-connections: 32768
error-log: \"{run}/error.log\"
http1-request-timeout: {KEEP_ALIVE}
http2-idle-timeout: {KEEP_ALIVE}
file.dirlisting: ON
{log}
{gzip}
listen:
  host: 127.0.0.1
  port: {port}
{tls}
hosts:
  default:
    paths:
      /:
        file.dir: \"{tree}\"
"
    )
}

/// Adds the arguments of glasshouse.
pub fn glasshouse(command: &mut Command, setup: Setup<'_>) {
    command.args(["--port", &setup.port.to_string(), "--bind", "127.0.0.1"]);
    match setup.profile {
        Profile::Plain => command.arg("--quiet"),
        Profile::Gzip => command.args(["--quiet", "--compress"]),
        Profile::Logged => command.args(["--log", "combined", "--log-file"]).arg(setup.access_log()),
        Profile::Tls => {
            command.args(["--quiet", "--tls-cert"]).arg(setup.certificate()).arg("--tls-key").arg(setup.private_key())
        }
    };
}
