//! TLS to a server: whom it trusts gets an encrypted connection, and nobody else gets a password.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use petswipe_monitor::diagnosis::DatabaseActivity;
use petswipe_monitor::diagnosis::postgres::{PostgresActivity, Tls};
use petswipe_monitor::{Error, explain};
use tokio_postgres::config::SslMode;

use super::server::Server;

const LIMIT: Duration = Duration::from_secs(10);

fn openssl(directory: &Path, arguments: &[&str]) {
    let done = Command::new("openssl").args(arguments).current_dir(directory).output().unwrap();
    assert!(done.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&done.stderr));
}

/// An authority, and a certificate of it for `localhost`: `ca.pem`, `server.pem`, `server.key`.
fn certificates(directory: &Path) {
    let key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
    let authority = [
        "req",
        "-x509",
        "-subj",
        "/CN=authority",
        "-days",
        "2",
        "-keyout",
        "ca.key",
        "-out",
        "ca.pem",
    ];
    openssl(directory, &[&authority[..], &key].concat());
    let request = ["req", "-subj", "/CN=localhost", "-keyout", "server.key", "-out", "server.csr"];
    openssl(directory, &[&request[..], &key].concat());
    std::fs::write(directory.join("names"), "subjectAltName=DNS:localhost\n").unwrap();
    let sign = [
        "x509",
        "-req",
        "-in",
        "server.csr",
        "-CA",
        "ca.pem",
        "-CAkey",
        "ca.key",
        "-CAcreateserial",
    ];
    let to = ["-days", "2", "-extfile", "names", "-out", "server.pem"];
    openssl(directory, &[&sign[..], &to].concat());
}

async fn connect(server: &Server, host: &str, tls: Tls) -> Result<PostgresActivity, Error> {
    let mut config = server.config_by_port("postgres", host);
    config.ssl_mode(SslMode::Require);
    PostgresActivity::connect(&config, tls, LIMIT).await
}

#[tokio::test]
async fn a_server_that_is_trusted_is_looked_into_by_tls_and_another_one_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    certificates(directory.path());
    let server = Server::with_certificates(20, directory.path()).await;
    let trusted = Tls::trusting(&std::fs::read(directory.path().join("ca.pem")).unwrap()).unwrap();
    let source = connect(&server, "localhost", trusted.clone()).await.unwrap();
    assert!(source.activity().await.unwrap().connections.is_some());
    let operator = server.session("postgres").await;
    let encrypted = "select ssl from pg_stat_ssl join pg_stat_activity using (pid) where application_name = 'petswipe diagnosis'";
    assert!(operator.query_one(encrypted, &[]).await.unwrap().get::<_, bool>(0));
    drop(source);

    // Its certificate is not of that name, and not of another authority.
    let other = tempfile::tempdir().unwrap();
    certificates(other.path());
    let stranger = Tls::trusting(&std::fs::read(other.path().join("ca.pem")).unwrap()).unwrap();
    for (host, tls, words) in [
        ("127.0.0.1", trusted, "certificate not valid for name"),
        ("localhost", stranger, "invalid peer certificate"),
        ("localhost", Tls::of_system().unwrap(), "invalid peer certificate"),
    ] {
        let refused = connect(&server, host, tls).await.err().unwrap();
        assert!(explain(&refused).contains(words), "{}", explain(&refused));
    }
}

#[tokio::test]
async fn a_server_without_tls_is_refused_and_never_asked_in_the_clear() {
    let directory = tempfile::tempdir().unwrap();
    certificates(directory.path());
    let server = Server::on_a_port(20).await;
    let trusted = Tls::trusting(&std::fs::read(directory.path().join("ca.pem")).unwrap()).unwrap();
    let refused = connect(&server, "localhost", trusted).await.err().unwrap();
    assert!(explain(&refused).contains("server does not support TLS"), "{}", explain(&refused));
}

#[test]
fn what_is_no_certificate_of_an_authority_is_refused() {
    let broken = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    for pem in [&b""[..], b"x", broken] {
        let refused = Tls::trusting(pem).unwrap_err().to_string();
        assert!(refused.starts_with("certificates of authorities is "), "{refused}");
    }
}
