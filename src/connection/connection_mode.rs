//! The mode that a connection is in, dispatched statically.

use crate::connection::connection_event::ConnectionEvent;
use crate::connection::event_stream_mode::EventStreamMode;
use crate::connection::http_mode::HttpMode;
use crate::connection::lingering_mode::LingeringMode;
use crate::connection::mode::Mode;
use crate::connection::turn_context::ModeContext;
use crate::connection::websocket_mode::WebSocketMode;
use crate::error::ProtocolError;
use crate::model::call::Answer;

#[derive(Debug)]
pub enum ConnectionMode {
    Http(HttpMode),
    WebSocket(WebSocketMode),
    EventStream(EventStreamMode),
    Lingering(LingeringMode),
}

macro_rules! dispatch {
    ($connection:expr, $mode:ident => $call:expr) => {
        match $connection {
            ConnectionMode::Http($mode) => $call,
            ConnectionMode::WebSocket($mode) => $call,
            ConnectionMode::EventStream($mode) => $call,
            ConnectionMode::Lingering($mode) => $call,
        }
    };
}

impl Mode for ConnectionMode {
    #[inline]
    fn next<'a>(
        &mut self,
        bytes: &'a mut [u8],
        at: &mut usize,
        cx: &mut ModeContext,
    ) -> Result<ConnectionEvent<'a>, ProtocolError> {
        dispatch!(self, mode => mode.next(bytes, at, cx))
    }

    #[inline]
    fn answer(&mut self, answer: Answer, cx: &mut ModeContext) {
        dispatch!(self, mode => mode.answer(answer, cx))
    }

    fn postpone(&mut self) {
        dispatch!(self, mode => mode.postpone())
    }

    fn end_of_input(&mut self) {
        dispatch!(self, mode => mode.end_of_input())
    }

    fn fail(&mut self, error: ProtocolError, cx: &mut ModeContext) {
        dispatch!(self, mode => mode.fail(error, cx))
    }

    fn is_owed(&self) -> bool {
        dispatch!(self, mode => mode.is_owed())
    }

    fn reads_no_more(&self) -> bool {
        dispatch!(self, mode => mode.reads_no_more())
    }

    #[inline]
    fn is_over(&self) -> bool {
        dispatch!(self, mode => mode.is_over())
    }

    #[inline]
    fn is_passing(&self) -> bool {
        dispatch!(self, mode => mode.is_passing())
    }

    #[inline]
    fn take_inflated(&mut self) -> usize {
        dispatch!(self, mode => mode.take_inflated())
    }

    fn held_bytes(&self) -> usize {
        dispatch!(self, mode => mode.held_bytes())
    }
}
