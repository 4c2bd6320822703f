/** What the demo claims, asked of the engine, the registry's images and ntfy; not of pratique. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Lab, LabImage } from "../lab/lab-types.ts";
import { SERVICES, type Stack, TOPIC } from "./stack.ts";

type Service = (typeof SERVICES)[number];

interface Running {
  id: string;
  image: string;
  isHealthy: boolean;
}

/** One service each, as `docker inspect` shows it. */
export type Snapshot = Readonly<Record<Service, Running>>;

export async function takeSnapshot(lab: Lab): Promise<Snapshot> {
  const format = "{{.Id}} {{.Image}} {{.State.Running}} {{.State.Health.Status}}";
  const { stdout } = await lab.docker(["inspect", "--format", format, ...SERVICES]);
  const rows = stdout.split("\n").map((line) => {
    const [id = "", image = "", running, health] = line.split(" ");
    return { id, image, isHealthy: running === "true" && health === "healthy" };
  });
  return Object.fromEntries(SERVICES.map((name, index) => [name, rows[index]])) as Snapshot;
}

export interface Claim {
  text: string;
  isKept: boolean;
}

export interface Evidence {
  before: Snapshot;
  offered: Readonly<Record<string, LabImage>>;
  /** Exit code of `pratique weekly`. */
  code: number;
}

/** Every claim of the story, with whether it is true. */
export async function askEngine(
  lab: Lab,
  stack: Stack,
  { before, offered, code }: Evidence,
): Promise<Claim[]> {
  const after = await takeSnapshot(lab);
  const imageOf = async (name: string) => {
    const format = ["image", "inspect", "--format", "{{.Id}}", name];
    return (await lab.docker(format, { mayFail: true })).stdout;
  };
  const page = await lab.docker(["exec", "wiki", "wget", "-q", "-O", "-", "http://127.0.0.1/"]);
  const backup = await imageOf("localhost/backup/photos:backup-1");
  const chatTag = await imageOf("127.0.0.1:5000/chat:latest");
  const refused = await imageOf(offered.chat?.byDigest ?? "");
  const upAgain = await lab.compose(stack.folder, ["up", "--detach"]);
  const afterUp = await takeSnapshot(lab);
  const waiting = readFileSync(join(stack.state, "retry-queue.json"), "utf8");
  const titles = (await lab.ntfy.messages(TOPIC)).map(({ title = "" }) => title);
  const isSame = (name: Service) => after[name].id === before[name].id;
  return [
    {
      text: "photos: runs exactly the image that was scanned, healthy",
      isKept: after.photos.image === offered.photos?.imageId && after.photos.isHealthy,
    },
    {
      text: "photos: its former image is kept as localhost/backup/photos:backup-1",
      isKept: backup === before.photos.image,
    },
    {
      text: "chat: the same container as before; its tag has not moved",
      isKept: isSame("chat") && chatTag === before.chat.image,
    },
    { text: "chat: the refused image is gone from the engine", isKept: refused === "" },
    {
      text: "wiki: the former image is back, healthy, and shows its page",
      isKept:
        !isSame("wiki") &&
        after.wiki.image === before.wiki.image &&
        after.wiki.isHealthy &&
        page.stdout.includes("Welcome"),
    },
    {
      text: "feeds (pinned) and notes (nothing new): not touched",
      isKept: isSame("feeds") && isSame("notes"),
    },
    {
      text: "docker compose up -d would recreate nothing",
      isKept: upAgain.code === 0 && SERVICES.every((name) => afterUp[name].id === after[name].id),
    },
    {
      text: "chat and wiki wait in retry-queue.json",
      isKept: ["chat", "wiki"].every((name) => waiting.includes(`"${name}"`)),
    },
    {
      text: "the phone heard of photos, chat, wiki and the whole run",
      isKept: ["photos", "chat", "wiki", "weekly"].every((name) =>
        titles.some((title) => title.endsWith(`: ${name}`)),
      ),
    },
    { text: "pratique weekly ended with 1: an update failed", isKept: code === 1 },
  ];
}
