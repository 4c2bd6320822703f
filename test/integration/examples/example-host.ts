/**
 * An example as it runs on its host: the compose file unchanged, with stand-ins for the images, and
 * a real pratique in its container whose wall clock the test sets.
 */
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from "node:fs";
import { connect, createServer } from "node:net";
import { basename, join } from "node:path";
import { parse, stringify } from "yaml";
import { cacheFolder } from "../../lab/cache.ts";
import type { CommandResult, Lab } from "../../lab/lab-types.ts";
import { pollUntil } from "../../lab/poll-until.ts";
import { findPrograms } from "../../lab/programs.ts";
import { runProgram } from "../../lab/run-program.ts";
import { PROGRAM_PATH, programMounts } from "../../lab/service-programs.ts";
import { clockEnvironment } from "../daemon/driven-daemon.ts";
import { type ExampleCopy, type ExampleName, layOut } from "./example-files.ts";
import { SOCKET_FOLDER, standInFor } from "./stand-ins.ts";

const CHECKOUT = join(import.meta.dirname, "../../..");
/** For a machine under load: a scan takes seconds on an idle one. */
const WAIT_MS = 240_000;
const SCRIPTS = join(CHECKOUT, "scripts");

export interface ExampleHost extends Disposable, ExampleCopy {
  /** Runs lines of a shell as root on that host would; the paths are those of the example. */
  shell(script: string, options?: { mayFail?: boolean }): Promise<CommandResult>;
  /** Publishes another candidate under the name of this container's image. Returns its image id. */
  publish(container: string, build: number, packages?: Record<string, string>): Promise<string>;
  /** What the daemon has printed, once a line of it matches. */
  waitForLog(pattern: RegExp): Promise<string>;
  /** Until every check passes, as on a host that has run for a week. */
  untilHealthy(): Promise<void>;
}

/** Lays it out and publishes every image; `docker compose up -d` is left to the test. */
export async function openExample(lab: Lab, name: ExampleName): Promise<ExampleHost> {
  const copy = layOut(name, lab.folder("host"), {
    NTFY_ADDRESS: "127.0.0.1:2586",
    NTFY_TOKEN: "",
  });
  const sockets = await openSockets(lab);
  copyScripts(join(copy.project, "scripts"));
  const images = imagesOf(copy);
  const publish: ExampleHost["publish"] = async (container, build, packages) => {
    const image = images.get(container) ?? "";
    return (await lab.image(image, standInFor(container, build, packages))).imageId;
  };
  for (const container of images.keys()) {
    if (container !== "pratique") await publish(container, 1);
  }
  await publishPratique(lab);
  writeFileSync(join(copy.project, "compose.lab.yaml"), overrideOf(lab, copy.config, images));
  // Compose reads this variable; nothing else of the example changes.
  writeFileSync(join(copy.project, ".env"), "COMPOSE_FILE=compose.yaml:compose.lab.yaml\n", {
    flag: "a",
  });
  const shell: ExampleHost["shell"] = (script, { mayFail = false } = {}) =>
    runProgram("sh", ["-euc", copy.moved(script)], {
      folder: copy.project,
      environment: { ...lab.environment },
      timeoutMs: 300_000,
      mayFail,
    });
  return {
    ...copy,
    shell,
    publish,
    waitForLog: (pattern) =>
      pollUntil(`a line ${pattern} of the daemon`, WAIT_MS, async () => {
        const { stdout, stderr } = await lab.docker(["logs", "pratique"]);
        const output = `${stdout}\n${stderr}`;
        if (pattern.test(output)) return output;
        throw new Error(output);
      }),
    untilHealthy: async () => {
      await pollUntil("healthy services", WAIT_MS, async () => {
        const { code, stdout } = await shell("docker exec pratique pratique health all", {
          mayFail: true,
        });
        if (code === 0) return true;
        throw new Error(stdout);
      });
    },
    [Symbol.dispose]: () => {
      for (const close of sockets) close();
    },
  };
}

/** Names below the lab's registry, by container: `vaultwarden/server:latest`. */
function imagesOf({ project }: ExampleCopy): Map<string, string> {
  const { services } = parse(readFileSync(join(project, "compose.yaml"), "utf8")) as {
    services: Record<string, { image: string }>;
  };
  return new Map(
    Object.entries(services).map(([container, { image }]) => {
      const path = image.replace(/@.*$/, "").replace(/^[\w-]+\.[\w.-]+\//, "");
      return [container, path];
    }),
  );
}

function overrideOf(lab: Lab, config: string, images: ReadonlyMap<string, string>): string {
  const registry = lab.registry.host;
  const real = mounts(programMounts(process.execPath));
  const init = `${findPrograms().enginePath("26.1")[0]}/docker-init`;
  const sockets = `${socketFolder(lab)}:${SOCKET_FOLDER}`;
  const services: Record<string, object> = Object.fromEntries(
    [...images].map(([container, image]) => {
      const extra =
        container === "diun" || container === "keepalived"
          ? { volumes: [`${init}:/bin/${container}:ro`] }
          : { volumes: [...real, sockets] };
      const base = {
        image: `${registry}/${image}`,
        entrypoint: ["/start"],
        ...extra,
        stop_grace_period: "2s",
      };
      return [container, base];
    }),
  );
  services.pratique = pratiqueOverride(lab, config, real);
  // bender's diun asks amy's server, which is the lab's on loopback.
  if (!images.has("ntfy")) Object.assign(services.diun ?? {}, { network_mode: "host" });
  const yaml = stringify({ services });
  // The folders of the host stay out of the stand-ins: none of them reads its data.
  return yaml.replace(/^( +)volumes:$/gm, "$1volumes: !override");
}

/** The sources of this checkout with the lab's docker and trivy, at the paths they have here. */
function pratiqueOverride(lab: Lab, config: string, real: readonly string[]): object {
  const { PATH = "", DOCKER_HOST = "", DOCKER_CONFIG = "" } = lab.environment;
  return {
    image: `${lab.registry.host}/pratique:local`,
    network_mode: "host",
    // Where the lab's addresses are; they are fixed, and its registry is on loopback.
    volumes: [
      ...real,
      `${CHECKOUT}:${CHECKOUT}:ro`,
      `${cacheFolder()}:${cacheFolder()}:ro`,
      `${lab.dir}:${lab.dir}`,
      `${config}:/etc/pratique/pratique.yaml:ro`,
    ],
    environment: {
      ...clockEnvironment(lab),
      PATH: `${PATH}:${PROGRAM_PATH}`,
      DOCKER_HOST,
      DOCKER_CONFIG,
      PRATIQUE_LAB_CHECKOUT: CHECKOUT,
    },
  };
}

async function publishPratique(lab: Lab): Promise<void> {
  await lab.image("pratique:local", {
    files: { "/bin/pratique": '#!/bin/sh\nexec "$PRATIQUE_LAB_CHECKOUT/bin/pratique" "$@"\n' },
    env: { HOME: "/tmp" },
  });
}

/** `--volume`, `from:to`, … as docker run has them; without the words between. */
function mounts(args: readonly string[]): string[] {
  return args.filter((arg) => arg !== "--volume");
}

function copyScripts(folder: string): void {
  mkdirSync(folder, { recursive: true });
  for (const file of readdirSync(SCRIPTS)) {
    copyFileSync(join(SCRIPTS, file), join(folder, basename(file)));
    chmodSync(join(folder, file), 0o755);
  }
}

function socketFolder(lab: Lab): string {
  return lab.folder("sockets");
}

/** One socket for each of the lab's servers: containers reach no loopback of the lab. */
async function openSockets(lab: Lab): Promise<(() => void)[]> {
  const servers = { trivy: lab.trivy.url, ntfy: lab.ntfy.url };
  return await Promise.all(
    Object.entries(servers).map(async ([name, url]) => {
      const port = Number(new URL(url).port);
      const server = createServer((client) => {
        const real = connect(port, "127.0.0.1");
        client.pipe(real).pipe(client);
        for (const side of [client, real]) {
          side.on("error", () => {
            client.destroy();
            real.destroy();
          });
        }
      });
      await new Promise<void>((resolve) =>
        server.listen(join(socketFolder(lab), name), () => resolve()),
      );
      return () => void server.close();
    }),
  );
}
