//! The routes of a node that is shown: how things are, the cable, and the kill. Without a demonstration there are none.

use crate::demo::cable::Cable;
use crate::demo::desk::Status;
use crate::demo::link::{Link, Message};
use axum::Json;
use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use tidegate_kernel_plug::{Need, Refusal, Role, Route, Routes};

pub(crate) fn routes(link: Link) -> Routes {
    let operator = Need::Role(Role::Operator);
    Routes::new()
        .with(
            Route::get("/api/v1/demo", Need::Authenticated, "How the demonstration is."),
            status,
            link.clone(),
        )
        .with(Route::post("/api/v1/demo/cable", operator, "Pulls or plugs the cable."), cable, link.clone())
        .with(Route::post("/api/v1/demo/kill", operator, "Kills this process with SIGKILL."), kill, link)
}

type Answer = Result<Json<Status>, Refusal>;

async fn status(State(link): State<Link>) -> Answer {
    answer(&link, Message::Status).await
}

async fn cable(State(link): State<Link>, RawQuery(query): RawQuery) -> Answer {
    let state = match query.as_deref() {
        Some("state=in") => Cable::In,
        Some("state=out") => Cable::Out,
        _ => {
            let (message, hint) = ("the cable is in or out", "ask with ?state=in or ?state=out");
            return Err(Refusal::new(StatusCode::BAD_REQUEST, "TG-DM-006", message, hint));
        }
    };
    answer(&link, Message::Cable(state)).await
}

async fn kill(State(link): State<Link>) -> Answer {
    answer(&link, Message::Kill).await
}

async fn answer(link: &Link, message: Message) -> Answer {
    link.ask(message).await.map(Json).ok_or_else(|| {
        let (message, hint) = ("the demonstration does not answer", "it is ending; start it again");
        Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "TG-DM-005", message, hint)
    })
}
