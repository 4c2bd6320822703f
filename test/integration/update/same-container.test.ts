import assert from "node:assert/strict";
import { test } from "node:test";
import { neverHealthy, web } from "../../lab/behaviours.ts";
import type { ImageSpec, Lab } from "../../lab/lab-types.ts";
import { openLab } from "../../lab/open-lab.ts";
import { hostOn, messagesAbout, outcomesOf, runContainer } from "./host.ts";

const first: ImageSpec = {
  ...web("one"),
  env: { PATH: "/bin", MODE: "first", KEPT: "image" },
  labels: { version: "1", maintainer: "image" },
  volumes: ["/anonymous"],
};
/** Brings other defaults, and new ones. */
const second: ImageSpec = {
  ...first,
  files: { ...web("two").files, "/start2": "#!/bin/sh\nexec /start" },
  cmd: ["/start2"],
  env: { PATH: "/bin:/usr/bin", MODE: "second", KEPT: "image", ADDED: "yes" },
  labels: { version: "2", maintainer: "image", added: "yes" },
};
const OPTIONS = [
  ...["--hostname", "somewhere", "--restart", "on-failure:4", "--memory", "128m"],
  ...["--network", "front", "--ip", "172.30.0.9", "--network-alias", "www"],
  ...["--volume", "data:/data", "--volume", "/tmp:/host:ro", "--tmpfs", "/scratch:size=1m"],
  ...["--publish", "127.0.0.1:8080:80", "--expose", "81"],
  ...["--env", "TOKEN=a=b c", "--env", "MODE=mine", "--label", "mine=x", "--label", "version=mine"],
  ...["--health-interval", "700ms", "--cap-add", "NET_ADMIN", "--log-opt", "max-size=1m"],
];

test("a container without compose is the same after an update and after a roll back (I9)", async (t) => {
  await using lab = await openLab();
  const host = hostOn(lab);
  await lab.docker(["network", "create", "--subnet", "172.30.0.0/24", "front"]);
  await lab.docker(["network", "create", "back"]);
  const { reference } = await lab.image("web:latest", first);
  await runContainer(lab, "web", reference, OPTIONS);
  await lab.docker(["network", "connect", "--alias", "db-client", "back", "web"]);
  await lab.docker(["exec", "web", "sh", "-c", "echo mine | tee /data/mark > /anonymous/mark"]);
  const former = await inspect(lab);

  await t.test("after a roll back it is the former container, in every setting", async () => {
    await lab.image("web:latest", {
      ...second,
      healthcheck: neverHealthy("x").healthcheck ?? { test: [] },
    });
    assert.deepEqual(outcomesOf(await host.run("update", "web")), { web: "rolled-back" });
    const after = await inspect(lab);
    assert.equal(after.Id, former.Id);
    assert.deepEqual(normalised(after), normalised(former));
    await assertInService(lab, "one");
  });

  await t.test("after an update only what the new image brings differs", async () => {
    const candidate = await lab.image("web:latest", second);
    assert.deepEqual(outcomesOf(await host.run("update", "web")), { web: "updated" });
    const after = await inspect(lab);
    assert.equal(after.Image, candidate.imageId);
    const expected = normalised(former);
    assert.deepEqual(normalised(after), {
      ...expected,
      Config: {
        ...expected.Config,
        Cmd: ["/start2"],
        Env: ["ADDED=yes", "KEPT=image", "MODE=mine", "PATH=/bin:/usr/bin", "TOKEN=a=b c"],
        Labels: { added: "yes", maintainer: "image", mine: "x", version: "mine" },
      },
    });
    await assertInService(lab, "two");
    const { stdout } = await lab.docker(["ps", "--all", "--format", "{{.Names}}"]);
    assert.equal(stdout, "web", "the former container is gone");
    const volumes = await lab.docker(["volume", "ls", "--quiet"]);
    assert.equal(volumes.stdout.split("\n").length, 2, "no volume was made or lost");
  });

  await t.test("and no value of its environment was told to anybody (I12)", async () => {
    const told = JSON.stringify(await messagesAbout(host, "web"));
    assert.doesNotMatch(told, /a=b c/);
  });
});

/** The page by its published port, the data in both volumes, the aliases on both networks. */
async function assertInService(lab: Lab, page: string): Promise<void> {
  const answer = await fetch("http://127.0.0.1:8080/", { signal: AbortSignal.timeout(5000) });
  assert.equal(await answer.text(), page);
  const marks = await lab.docker(["exec", "web", "cat", "/data/mark", "/anonymous/mark"]);
  assert.equal(marks.stdout, "mine\nmine");
  const probe = ["wget", "-q", "-O", "-"];
  const asked = await lab.docker(["exec", "web", ...probe, "http://www/", "http://db-client/"]);
  assert.equal(asked.stdout, page + page);
}

interface Inspect {
  Id: string;
  Image: string;
  Name: string;
  HostConfig: Record<string, unknown> & { Mounts?: { Source?: string }[] };
  Config: Record<string, unknown> & { Env: string[]; Labels: Record<string, string> };
  Mounts: { Destination: string; Mode: string }[];
  NetworkSettings: {
    Ports: unknown;
    Networks: Record<
      string,
      { Aliases: string[] | null; IPAMConfig: unknown; DriverOpts: unknown }
    >;
  };
}

async function inspect(lab: Lab): Promise<Inspect> {
  const { stdout } = await lab.docker(["inspect", "web"]);
  return (JSON.parse(stdout) as [Inspect])[0];
}

/** Everything that somebody set; without ids, times and what differs from start to start. */
function normalised({ Id, Name, HostConfig, Config, Mounts, NetworkSettings }: Inspect) {
  const short = Id.slice(0, 12);
  const networks = Object.entries(NetworkSettings.Networks).map(
    ([name, { Aliases, IPAMConfig, DriverOpts }]) => {
      const aliases = (Aliases ?? []).filter((alias) => alias !== short).sort();
      // Nothing set is null after `network connect` and an empty object after create.
      const addresses = Object.keys(IPAMConfig ?? {}).length === 0 ? null : IPAMConfig;
      return [name, { aliases, addresses, DriverOpts }] as const;
    },
  );
  // An anonymous volume keeps its name only where that name is given (facts/docker-recreate 6).
  const given = (HostConfig.Mounts ?? []).filter(
    ({ Source }) => !/^[0-9a-f]{64}$/.test(Source ?? ""),
  );
  const mounts = Mounts.map(({ Mode: _, ...mount }) => mount);
  return {
    Name,
    HostConfig: { ...HostConfig, Mounts: given },
    Config: { ...Config, Env: Config.Env.toSorted() },
    Mounts: mounts.toSorted((one, other) => (one.Destination < other.Destination ? -1 : 1)),
    Ports: NetworkSettings.Ports,
    networks: Object.fromEntries(networks),
  };
}
