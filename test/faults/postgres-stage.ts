import { join } from "node:path";
import { pushPostgres } from "../integration/postgres/server.ts";
import { openDatabaseHost } from "../integration/postgres/update-lab.ts";
import { runningImage } from "../integration/update/host.ts";
import type { Lab } from "../lab/lab-types.ts";
import { type PostgresVersion, postgresImage } from "../lab/postgres-images.ts";
import { openEngineProxy } from "./engine-proxy.ts";
import { viewEngine } from "./engine-view.ts";
import type { Stage } from "./stage.ts";

const ROWS = 200;
const TARGET = "postgres";

/** A database server with an application and a sidecar; the tag moves to and fro. */
export async function preparePostgres(lab: Lab): Promise<Omit<Stage, "scenario">> {
  const proxy = await openEngineProxy(join(lab.dir, "proxy.sock"), lab.engine.socket);
  const behindProxy = { ...lab, engine: { ...lab.engine, url: proxy.url } };
  const { host, server, data } = await openDatabaseHost(behindProxy, { rows: ROWS });
  const before = JSON.stringify(await data());
  // The same in both, or (d) would find what only the image has brought.
  const { env } = postgresImage("15-old");
  const older = (await pushPostgres(lab, "15-old")).imageId;
  return {
    ...{ lab, host, proxy, target: TARGET },
    view: viewEngine(lab.engine.socket),
    async offer() {
      const next: PostgresVersion = (await runningImage(lab, TARGET)) === older ? "15" : "15-old";
      return (await pushPostgres(lab, next, { env })).imageId;
    },
    async composeUp() {},
    async problems() {
      await server.ready();
      const after = JSON.stringify(await data());
      return after === before ? [] : [`(c) the data were ${before}, are ${after}`];
    },
    async [Symbol.asyncDispose]() {
      await proxy[Symbol.asyncDispose]();
      await lab[Symbol.asyncDispose]();
    },
  };
}
