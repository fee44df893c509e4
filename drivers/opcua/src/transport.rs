//! The library's transport over a connection that the plant's way out has made: used once, so that nothing of the library connects
//! again by itself.

use opcua::client::ConnectionSource;
use opcua::client::transport::{
    Connector, RequestRecv, SecureChannelState, StreamConnection, StreamConnector, StreamTransport,
    TransportConfiguration,
};
use opcua::core::comms::tcp_codec::TcpCodec;
use opcua::types::{DecodingOptions, EndpointDescription, Error, StatusCode};
use std::future::ready;
use std::sync::{Arc, Mutex, PoisonError};
use tidegate_kernel_outbound::Stream;
use tokio::io::{ReadHalf, WriteHalf, split};
use tokio_util::codec::FramedRead;

type Connection = StreamConnection<ReadHalf<Stream>, WriteHalf<Stream>>;

/// One connection.
#[derive(Debug, Clone)]
pub(crate) struct Once {
    stream: Arc<Mutex<Option<Stream>>>,
    url: String,
}

impl Once {
    pub(crate) fn new(stream: Stream, url: String) -> Once {
        Once { stream: Arc::new(Mutex::new(Some(stream))), url }
    }

    fn take(&self, url: String, options: DecodingOptions) -> Result<Connection, Error> {
        let stream = self.stream.lock().unwrap_or_else(PoisonError::into_inner).take();
        let spent = || Error::new(StatusCode::BadConnectionClosed, "a connection is used once");
        let (reader, writer) = split(stream.ok_or_else(spent)?);
        Ok(StreamConnection::new(FramedRead::new(reader, TcpCodec::new(options)), writer, url))
    }
}

impl Connector for Once {
    type Transport = StreamTransport<ReadHalf<Stream>, WriteHalf<Stream>>;

    async fn connect(
        &self,
        channel: Arc<SecureChannelState>,
        outgoing: RequestRecv,
        config: TransportConfiguration,
    ) -> Result<Self::Transport, Error> {
        let take = |url, options| ready(self.take(url, options));
        StreamConnector::new(take, self.url.clone()).connect(channel, outgoing, config).await
    }

    fn default_endpoint(&self) -> EndpointDescription {
        self.url.as_str().into()
    }
}

impl ConnectionSource for Once {
    type Builder = Once;

    fn get_connector(&self, _: &EndpointDescription) -> Result<Once, Error> {
        Ok(self.clone())
    }
}
