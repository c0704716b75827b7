//! A board that several people share. Start a server, then this in as many terminals as you like:
//!
//! ```sh
//! cargo run --release -- serve
//! cargo run -p revring-client --example board -- "Buy milk" "Call Ada"
//! ```
//!
//! Each title becomes a card, or gets one more vote if there is such a card. Stop the server and start it again: the
//! board goes offline and comes back by itself.
#![expect(clippy::print_stdout, reason = "a program for a terminal")]

use std::{env, error::Error};

use revring_client::{Event, Room, change, connect, protocol::value::Value};
use serde_json::json;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let room = connect("ws://127.0.0.1:7700/v1/ws", "board-1").await?;

    for title in env::args().skip(1) {
        if room.record("cards", &title).is_none() {
            // Only if nobody else was faster; if somebody was, the card is there all the same.
            let card = change::put("cards", &title, json!({"votes": 0})).if_version(0);
            let _ = room.update(card).await;
        }
        let rev = room
            .update(change::add("cards", &title, "/votes", 1))
            .await?;
        println!("voted for {title:?}: revision {rev}");
    }

    show(&room);
    let mut events = room.subscribe();
    while let Some(event) = events.next().await {
        match event {
            Event::Changed(_) | Event::Lagged { .. } => show(&room),
            Event::Status(status) => println!("{status:?}"),
            _ => {}
        }
    }
    Ok(())
}

fn show(room: &Room) {
    println!("--- revision {}", room.rev());
    let view = room.view();
    for (id, card) in view.collections().flat_map(|(_, cards)| cards) {
        let votes = card.data().get("votes").and_then(Value::as_number);
        println!(
            "{:>4} {id}",
            votes.map_or_else(String::new, |votes| votes.to_string())
        );
    }
}
