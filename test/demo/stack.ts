/** The small host of the demo: five services, and what the registry offers for them next. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { web } from "../lab/behaviours.ts";
import type { DebianPackageVersion, Lab, LabImage } from "../lab/lab-types.ts";

export const TOPIC = "container-updates-harbour";

type Packages = Readonly<Record<string, DebianPackageVersion>>;

/** Two libraries with known faults, and the versions that mend them (test/lab/advisories.ts). */
const PICTURES_FAULTY: Packages = {
  libexpat1: { version: "2.5.0-1", source: "expat" },
  libwebp7: { version: "1.2.4-0.2", source: "libwebp" },
};
const PICTURES_MENDED: Packages = {
  libexpat1: { version: "2.5.0-1+deb12u2", source: "expat" },
  libwebp7: { version: "1.2.4-0.2+deb12u1", source: "libwebp" },
};
const CRYPTO_MENDED: Packages = {
  libssl3: { version: "3.0.15-1~deb12u1", source: "openssl" },
  "libnghttp2-14": { version: "1.52.0-1+deb12u1", source: "nghttp2" },
};
/** What a release on an old base image brings back. */
const CRYPTO_OLD: Packages = {
  libssl3: { version: "3.0.9-1", source: "openssl" },
  "libnghttp2-14": { version: "1.52.0-1", source: "nghttp2" },
};

export interface Stack {
  /** Folder of compose.yaml. */
  folder: string;
  /** Path of the configuration. */
  config: string;
  state: string;
  /** What ran first, by service. */
  former: Readonly<Record<string, LabImage>>;
}

export const SERVICES = ["chat", "feeds", "notes", "photos", "wiki"] as const;

/** Pushes the first images, writes compose file and configuration, and starts the services. */
export async function startStack(lab: Lab): Promise<Stack> {
  const former = {
    chat: await lab.image("chat:latest", { ...web("Chat 1"), packages: CRYPTO_MENDED }),
    feeds: await lab.image("feeds:latest", { ...web("Feeds 1"), packages: PICTURES_MENDED }),
    notes: await lab.image("notes:latest", { ...web("Notes 1"), packages: PICTURES_MENDED }),
    photos: await lab.image("photos:latest", { ...web("Photos 1"), packages: PICTURES_FAULTY }),
    wiki: await lab.image("wiki:latest", {
      ...web("Welcome to the wiki"),
      packages: CRYPTO_MENDED,
    }),
  };
  const folder = lab.folder("harbour");
  writeFileSync(join(folder, "compose.yaml"), composeFile(former.feeds));
  await lab.compose(folder, ["up", "--detach", "--wait"], { timeoutMs: 60_000 });
  const state = lab.folder("state");
  const config = join(lab.folder("config"), "pratique.yaml");
  writeFileSync(config, configuration(lab, state));
  return { folder, config, state, former };
}

/** The registry's next images. `notes` has none. */
export async function publishNewImages(lab: Lab): Promise<Record<string, LabImage>> {
  const noSuchTable = "Internal error: no such table: pages";
  return {
    chat: await lab.image("chat:latest", { ...web("Chat 2"), packages: CRYPTO_OLD }),
    feeds: await lab.image("feeds:latest", { ...web("Feeds 2"), packages: PICTURES_MENDED }),
    photos: await lab.image("photos:latest", { ...web("Photos 2"), packages: PICTURES_MENDED }),
    wiki: await lab.image("wiki:latest", { ...web(noSuchTable), packages: CRYPTO_MENDED }),
  };
}

function composeFile(feeds: LabImage): string {
  const services = SERVICES.map((name) => {
    const image = name === "feeds" ? feeds.byDigest : `127.0.0.1:5000/${name}:latest`;
    return `  ${name}:\n    image: ${image}\n    container_name: ${name}\n`;
  });
  return `services:\n${services.join("")}`;
}

/** The part of the configuration that the story shows. */
export const SERVICE_SETTINGS = `services:
  wiki:
    http: { url: http://wiki/, contains: Welcome }
`;

function configuration(lab: Lab, state: string): string {
  return `host: harbour
engine:
  endpoint: ${lab.engine.url}
state: ${state}
scanner:
  server: ${lab.trivy.url}
notify:
  ntfy:
    url: ${lab.ntfy.url}
    topic: ${TOPIC}
health:
  timeout: 8s
  stable: 1s
${SERVICE_SETTINGS}`;
}
