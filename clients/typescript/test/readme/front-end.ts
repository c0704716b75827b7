import { connect } from "revring";
import { undo } from "revring/undo";

interface Card {
  title: string;
  votes: number;
}

const room = connect("http://127.0.0.1:7700", { room: "board-1", undo });
await room.ready;

room.subscribe("cards", ({ records }) => {
  for (const { id, after } of records) console.log(id, after?.data ?? "is gone");
});

room.put("cards", "1", { title: "Milk", votes: 0 });
console.log(room.get<Card>("cards", "1")?.data.title); // Milk: what you do shows at once

const outcome = await room.add("cards", "1", "/votes", 1);
console.log(outcome.status); // accepted: on disk, and counted once however often it was sent

room.text("cards", "1", "/title").replace("Oat milk"); // merges with what others type meanwhile
room.undo(); // takes that back, and nothing that others did
await room.close();
