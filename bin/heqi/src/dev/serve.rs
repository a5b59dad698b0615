//! JSON-RPC of a node over the development ledger, until somebody stops it.

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use ::dev::DevLedger;
use prometheus_client::registry::Registry;
use rpc::{RpcConfig, RpcMetrics};
use tokio::{net::TcpListener, sync::watch};

use super::{DevRequest, show};
use crate::{
    Output,
    error::{self, CliError},
    signals,
};

/// The beginning is what Hardhat's network helpers look for.
pub const CLIENT_VERSION: &str = concat!("anvil/heqi-dev/v", env!("CARGO_PKG_VERSION"));

/// Serves until SIGINT, SIGTERM or SIGHUP.
pub fn until_stopped(
    request: &DevRequest,
    ledger: &Arc<DevLedger>,
    output: Output,
) -> Result<(), CliError> {
    let process =
        |cause: std::io::Error| CliError::new(error::PROCESS, vec![("cause", cause.to_string())]);
    let interrupted = signals::follow()?;
    let runtime = tokio::runtime::Runtime::new().map_err(process)?;
    let (stop, stopped) = watch::channel(false);
    std::thread::Builder::new()
        .name("dev-stop".to_owned())
        .spawn(move || {
            // An error means that nobody will tell any more.
            let _ = interrupted.recv();
            let _ = stop.send(true);
        })
        .map_err(process)?;
    runtime.block_on(async {
        let wanted = SocketAddr::new(request.host, request.port);
        let listener = TcpListener::bind(wanted).await.map_err(|cause| taken(request, cause))?;
        let address = listener.local_addr().map_err(process)?;
        let metrics = RpcMetrics::register(&mut Registry::default());
        let ledger_api: Arc<dyn ledger_api::Ledger> = Arc::clone(ledger) as _;
        let router =
            rpc::router_until(ledger_api, configuration(request.host), metrics, stopped.clone());
        if !request.silent {
            show::ledger(request, ledger, address, output);
        }
        let serving = axum::serve(listener, router).with_graceful_shutdown(told(stopped));
        serving.await.map_err(process)
    })
}

async fn told(mut stopped: watch::Receiver<bool>) {
    // A sender that is gone is as good.
    let _ = stopped.wait_for(|stopped| *stopped).await;
}

fn taken(request: &DevRequest, cause: std::io::Error) -> CliError {
    let values = vec![("port", request.port.to_string()), ("cause", cause.to_string())];
    CliError::new(error::DEV_PORT, values)
}

/// Web pages may call, as they may call other development nodes: there is nothing to protect.
fn configuration(host: IpAddr) -> RpcConfig {
    let allowed_hosts = if host.is_loopback() { Vec::new() } else { vec!["*".to_owned()] };
    RpcConfig {
        allowed_hosts,
        cors_origins: vec!["*".to_owned()],
        client_version: CLIENT_VERSION.to_owned(),
        // Making a million blocks takes minutes.
        request_timeout_ms: 600_000,
        ..RpcConfig::default()
    }
}
