import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createEngineClient } from "./engine-client.ts";
import type { EngineServer, EngineVersion, ImageStore } from "./lab-types.ts";
import type { Programs } from "./programs.ts";
import { createServer } from "./server-process.ts";

export interface EnginePlan {
  dir: string;
  version: EngineVersion;
  imageStore: ImageStore;
  cgroup: string;
  programs: Programs;
}

/** A private dockerd: own socket, data and containerd. Its containers live in cgroup `/<cgroup>`. */
export function createEngine(plan: EnginePlan): EngineServer {
  const { dir, version, imageStore, programs } = plan;
  if (imageStore === "containerd" && version === "20.10") {
    throw new Error("Engine 20.10 has no containerd image store");
  }
  mkdirSync(dir);
  const socket = join(dir, "docker.sock");
  const url = `unix://${socket}`;
  const settings = {
    "data-root": join(dir, "data"),
    "exec-root": join(dir, "exec"),
    pidfile: join(dir, "docker.pid"),
    hosts: [url],
    "cgroup-parent": `/${plan.cgroup}`,
    "exec-opts": ["native.cgroupdriver=cgroupfs"],
    // Nobody serves DNS there, and says so at once; names on the internet would be waited for.
    dns: ["172.17.0.1"],
    // Never vfs: it copies each layer, and tests on disk space would measure that.
    ...(imageStore === "containerd"
      ? { features: { "containerd-snapshotter": true } }
      : { "storage-driver": "overlay2" }),
  };
  const settingsFile = join(dir, "daemon.json");
  writeFileSync(settingsFile, JSON.stringify(settings, null, 2));
  const path = [...programs.enginePath(version), "/usr/sbin", "/usr/bin", "/sbin", "/bin"];
  const server = createServer({
    name: `engine ${version}`,
    url,
    command: join(programs.enginePath(version)[1] ?? "", "dockerd"),
    args: ["--config-file", settingsFile],
    environment: { ...programs.libraryEnvironment, PATH: path.join(":"), HOME: dir, TMPDIR: dir },
    logFile: join(dir, "dockerd.log"),
    async probe() {
      const { status } = await createEngineClient(socket, AbortSignal.timeout(10_000))(
        "GET",
        "/version",
      );
      if (status !== 200) throw new Error(`/version is answered with ${status}`);
    },
  });
  return { ...server, socket, version, imageStore };
}
