//! A TCP proxy that a test can cut: the way to take a store away from one service without harming the
//! others.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    sync::watch,
};
use url::Url;

/// A proxy in front of one address.
#[derive(Debug, Clone)]
pub struct Proxy {
    port: u16,
    down: Arc<AtomicBool>,
    cuts: watch::Sender<u64>,
    stalls: watch::Sender<u64>,
}

impl Proxy {
    /// Forwards to the host and port of `target`.
    pub async fn start(target: &Url) -> Self {
        let to = format!("{}:{}", target.host_str().unwrap(), target.port().unwrap());
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (down, cuts) = (Arc::new(AtomicBool::new(false)), watch::Sender::new(0));
        let stalls = watch::Sender::new(0);
        let proxy = Self {
            port,
            down: down.clone(),
            cuts: cuts.clone(),
            stalls: stalls.clone(),
        };
        tokio::spawn(async move {
            while let Ok((mut inner, _)) = listener.accept().await {
                // In this order: whoever comes too late to see `down` hears of the cut.
                let (mut cut, mut stall) = (cuts.subscribe(), stalls.subscribe());
                if down.load(Ordering::SeqCst) {
                    continue;
                }
                let to = to.clone();
                tokio::spawn(async move {
                    let Ok(mut outer) = TcpStream::connect(to).await else {
                        return;
                    };
                    tokio::select! {
                        _ = copy_bidirectional(&mut inner, &mut outer) => {}
                        _ = stall.changed() => { let _ = cut.changed().await; }
                        _ = cut.changed() => {}
                    }
                });
            }
        });
        proxy
    }

    /// `url` with this proxy in place of its host and port.
    #[must_use]
    pub fn through(&self, url: &Url) -> Url {
        let mut url = url.clone();
        url.set_host(Some("127.0.0.1")).unwrap();
        url.set_port(Some(self.port)).unwrap();
        url
    }

    /// Breaks every connection and refuses new ones.
    pub fn take_down(&self) {
        self.down.store(true, Ordering::SeqCst);
        self.cut();
    }

    /// Breaks every connection; new ones pass.
    pub fn cut(&self) {
        self.cuts.send_modify(|count| *count += 1);
    }

    /// Forwards nothing more on the connections there are, and leaves them open, as a host does that
    /// vanished. New ones pass.
    pub fn stall(&self) {
        self.stalls.send_modify(|count| *count += 1);
    }

    /// Lets connections pass again.
    pub fn bring_up(&self) {
        self.down.store(false, Ordering::SeqCst);
    }
}
