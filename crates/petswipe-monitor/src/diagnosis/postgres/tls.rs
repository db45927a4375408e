//! TLS to PostgreSQL, with rustls. A server's certificate is always verified, with its name: one that is not gets no password.
//!
//! That is more than `sslmode=require` asks of libpq, which encrypts to whoever answers unless it is given certificates; it is
//! its `verify-full`.
//!
//! Sources: PostgreSQL documentation, "SSL Support" (libpq); "Using SSL/TLS to encrypt a connection to a DB instance" (Amazon
//! RDS), whose authorities are in no system's store and have to be named.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, InvalidDnsNameError, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_postgres::Socket;
use tokio_postgres::tls::{ChannelBinding, MakeTlsConnect, TlsConnect, TlsStream};
use tokio_rustls::TlsConnector;

use crate::Error;

/// Connects by TLS to servers with a certificate of an authority that is trusted.
#[derive(Clone)]
pub struct Tls(TlsConnector);

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tls")
    }
}

impl Tls {
    /// Trusts these authorities and nobody else: certificates in PEM, such as `global-bundle.pem` of Amazon RDS.
    ///
    /// ```
    /// use petswipe_monitor::diagnosis::postgres::Tls;
    /// let refused = Tls::trusting(b"no certificate").unwrap_err();
    /// assert!(refused.to_string().starts_with("certificates of authorities is "), "{refused}");
    /// ```
    ///
    /// # Errors
    /// [`Error::InvalidPolicy`] for a text without certificates, or with one that is none.
    pub fn trusting(pem: &[u8]) -> Result<Self, Error> {
        let invalid = |why: &dyn fmt::Display| {
            let allowed = "one or more certificates in PEM, each of an authority";
            Error::invalid("certificates of authorities", why, allowed)
        };
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(pem) {
            let certificate = certificate.map_err(|why| invalid(&why))?;
            roots.add(certificate).map_err(|why| invalid(&why))?;
        }
        if roots.is_empty() {
            return Err(invalid(&"empty"));
        }
        Self::of(roots)
    }

    /// Trusts whom the system trusts.
    ///
    /// # Errors
    /// [`Error::Backend`] when the system has no trusted certificates.
    pub fn of_system() -> Result<Self, Error> {
        let found = rustls_native_certs::load_native_certs();
        let mut roots = RootCertStore::empty();
        let (added, _) = roots.add_parsable_certificates(found.certs);
        if added == 0 {
            let why = found.errors.first().map_or("there are none".to_owned(), ToString::to_string);
            return Err(Error::backend("reading the system's certificates", why));
        }
        Self::of(roots)
    }

    fn of(roots: RootCertStore) -> Result<Self, Error> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|why| Error::backend("setting up TLS", why))?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self(TlsConnector::from(Arc::new(config))))
    }
}

impl MakeTlsConnect<Socket> for Tls {
    type Stream = Encrypted;
    type TlsConnect = Handshake;
    type Error = InvalidDnsNameError;

    fn make_tls_connect(&mut self, host: &str) -> Result<Handshake, InvalidDnsNameError> {
        let name = ServerName::try_from(host)?.to_owned();
        Ok(Handshake { connector: self.0.clone(), name })
    }
}

/// A handshake that is about to be made.
pub struct Handshake {
    connector: TlsConnector,
    name: ServerName<'static>,
}

impl TlsConnect<Socket> for Handshake {
    type Stream = Encrypted;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Encrypted>> + Send>>;

    fn connect(self, socket: Socket) -> Self::Future {
        Box::pin(async move { Ok(Encrypted(self.connector.connect(self.name, socket).await?)) })
    }
}

/// An encrypted connection.
pub struct Encrypted(tokio_rustls::client::TlsStream<Socket>);

impl TlsStream for Encrypted {
    /// None: the server was verified by its certificate.
    fn channel_binding(&self) -> ChannelBinding {
        ChannelBinding::none()
    }
}

impl AsyncRead for Encrypted {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        to: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, to)
    }
}

impl AsyncWrite for Encrypted {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        from: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, from)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}
