/**
 * The base on which the lab builds pratique's own image, where Debian's mirror is out of reach: a
 * small Debian with what the Dockerfile would install, and Node. HAProxy is for the socket proxy.
 */
import { chmodSync, copyFileSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type CachedPart, preparedFolder } from "./cache.ts";
import type { Lab } from "./lab-types.ts";
import { packRoot, unpackRoot } from "./root-file-system.ts";

const TOOLS = ["base-files", "coreutils", "dash", "findutils", "grep", "libc-bin", "sed"];
const CLIENTS = ["docker-cli", "docker-compose", "libstdc++6", "tini", "libatomic1"];
const PACKAGES = [...TOOLS, ...CLIENTS, "haproxy"];
const UNNEEDED = /^(perl|debconf|dpkg$|libdb5|openssl|adduser|passwd|git|iptables|containerd|runc)/;

export const imageBase: CachedPart = {
  name: "image-base",
  recipe: { PACKAGES, without: UNNEEDED.source, node: process.version, revision: 1 },
  async make(folder, scratch) {
    const root = await unpackRoot(PACKAGES, "trixie", (name) => !UNNEEDED.test(name), scratch);
    // Accounts as in the official image of Node.
    const home = join("/home", "node");
    const accounts = `root:x:0:0:root:/root:/bin/sh\nnode:x:1000:1000::${home}:/bin/sh\n`;
    writeFileSync(join(root, "etc/passwd"), accounts);
    writeFileSync(join(root, "etc/group"), "root:x:0:\nnode:x:1000:\n");
    writeFileSync(
      join(root, "etc/nsswitch.conf"),
      "passwd: files\ngroup: files\nhosts: files dns\n",
    );
    for (const [path, mode] of [
      ["root", 0o700],
      ["tmp", 0o1777],
      ["home/node", 0o755],
      ["usr/local/bin", 0o755],
    ] as const) {
      mkdirSync(join(root, path), { recursive: true });
      chmodSync(join(root, path), mode);
    }
    copyFileSync(process.env.PRATIQUE_NODE ?? process.execPath, join(root, "usr/local/bin/node"));
    await packRoot(root, join(folder, "root"));
  },
};

/** Imports the base into the lab's engine under this name. */
export async function importImageBase(lab: Lab, name: string): Promise<void> {
  const file = join(preparedFolder(imageBase), "root.tar.gz");
  const path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
  await lab.docker(["import", "--change", `ENV PATH=${path}`, file, name], { timeoutMs: 300_000 });
}
