import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { ContainerInspect, ImageConfig, JsonObject } from "../ports.ts";
import { type RecreateFacts, type RecreateTarget, recreateSpec } from "./recreate-spec.ts";

const ID = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
const INFO = { apiVersion: "1.45", defaultRuntime: "runc", name: "amy" };

interface Overrides {
  config?: JsonObject;
  hostConfig?: JsonObject;
  networks?: Record<string, JsonObject>;
  mounts?: JsonObject[];
}

function container(overrides: Overrides = {}): ContainerInspect {
  return {
    Id: ID,
    Name: "/app",
    Image: `sha256:${"a".repeat(64)}`,
    Config: { Image: "app:1", ...overrides.config },
    HostConfig: { NetworkMode: "default", ...overrides.hostConfig },
    NetworkSettings: { Networks: overrides.networks ?? { bridge: {} } },
    Mounts: overrides.mounts ?? [],
  } as unknown as ContainerInspect;
}

function spec(
  overrides: Overrides,
  image: ImageConfig = {},
  more: { facts?: Partial<RecreateFacts>; target?: Partial<RecreateTarget> } = {},
) {
  return recreateSpec(
    { container: container(overrides), formerImage: image, info: INFO, ...more.facts },
    { image: "app:1", ...more.target },
  );
}

const hostConfigOf = (overrides: Overrides, ...rest: [ImageConfig?, Parameters<typeof spec>[2]?]) =>
  spec(overrides, ...rest).body.HostConfig as JsonObject;
const endpointsOf = (overrides: Overrides, ...rest: [ImageConfig?, Parameters<typeof spec>[2]?]) =>
  (spec(overrides, ...rest).body.NetworkingConfig as JsonObject | undefined)?.EndpointsConfig;

describe("what the former image contributed is taken out", () => {
  const rows: Array<[string, JsonObject, ImageConfig, JsonObject]> = [
    ["an inherited user", { User: "app" }, { User: "app" }, {}],
    ["a user's user", { User: "me" }, { User: "app" }, { User: "me" }],
    ["an inherited folder", { WorkingDir: "/srv" }, { WorkingDir: "/srv" }, {}],
    ["an inherited stop signal", { StopSignal: "SIGINT" }, { StopSignal: "SIGINT" }, {}],
    ["a user's stop signal", { StopSignal: "9" }, { StopSignal: "SIGINT" }, { StopSignal: "9" }],
    [
      "environment by key and value",
      { Env: ["MINE=1", "PATH=/bin", "MODE=fast"] },
      { Env: ["PATH=/bin", "MODE=slow"] },
      { Env: ["MINE=1", "MODE=fast"] },
    ],
    [
      "labels by key and value",
      { Labels: { version: "1", mine: "x", maintainer: "me" } },
      { Labels: { version: "1", maintainer: "them" } },
      { Labels: { mine: "x", maintainer: "me" } },
    ],
    [
      "exposed ports",
      { ExposedPorts: { "80/tcp": {}, "9/udp": {} } },
      { ExposedPorts: { "80/tcp": {} } },
      { ExposedPorts: { "9/udp": {} } },
    ],
    [
      "volumes",
      { Volumes: { "/a": {}, "/b": {} } },
      { Volumes: { "/a": {} } },
      { Volumes: { "/b": {} } },
    ],
    [
      "a whole health check",
      { Healthcheck: { Test: ["CMD", "a"] } },
      { Healthcheck: { Test: ["CMD", "a"] } },
      {},
    ],
    [
      "a health check field by field",
      { Healthcheck: { Test: ["CMD", "a"], Interval: 5, StartInterval: 7 } },
      { Healthcheck: { Test: ["CMD", "a"], Interval: 3, StartInterval: 7 } },
      { Healthcheck: { Interval: 5 } },
    ],
    [
      "no health check where the user switched it off",
      { Healthcheck: { Test: ["NONE"] } },
      { Healthcheck: { Test: ["CMD", "a"], Interval: 3 } },
      { Healthcheck: { Test: ["NONE"] } },
    ],
  ];
  for (const [title, config, image, expected] of rows) {
    test(title, () => {
      const { Image, HostConfig, Labels, ...rest } = spec({ config }, image).body;
      const labels = Object.keys(Labels as JsonObject).length === 0 ? {} : { Labels };
      assert.deepEqual({ ...rest, ...labels }, expected);
      assert.equal(Image, "app:1");
      assert.ok(HostConfig);
    });
  }

  test("and named by key, without values", () => {
    const { removed } = spec(
      {
        config: {
          Env: ["TOKEN=hidden"],
          Labels: { version: "1" },
          Cmd: ["run"],
          User: "app",
          Healthcheck: { Test: ["CMD", "a"] },
        },
      },
      {
        Env: ["TOKEN=hidden"],
        Labels: { version: "1" },
        Cmd: ["run"],
        User: "app",
        Healthcheck: { Test: ["CMD", "a"] },
      },
    );
    assert.deepEqual(
      [...removed].sort(),
      ["Cmd", "Env.TOKEN", "Healthcheck.Test", "Labels.version", "User"].sort(),
    );
  });
});

describe("entrypoint and command are one pair", () => {
  const image = { Entrypoint: ["/entry"], Cmd: ["serve"] };
  const rows: Array<[string, JsonObject, ImageConfig, JsonObject]> = [
    ["both inherited: neither is sent", { ...image }, image, {}],
    ["own command", { Entrypoint: ["/entry"], Cmd: ["work"] }, image, { Cmd: ["work"] }],
    [
      "own entrypoint",
      { Entrypoint: ["/mine"], Cmd: null },
      image,
      { Entrypoint: ["/mine"], Cmd: null },
    ],
    ["own both", { Entrypoint: ["/m"], Cmd: ["x"] }, image, { Entrypoint: ["/m"], Cmd: ["x"] }],
    [
      "own entrypoint with the image's command as its own",
      { Entrypoint: ["/mine"], Cmd: ["serve"] },
      image,
      { Entrypoint: ["/mine"], Cmd: ["serve"] },
    ],
    ["a reset entrypoint", { Entrypoint: [], Cmd: ["x"] }, image, { Entrypoint: [], Cmd: ["x"] }],
    [
      "a reset entrypoint that the engine shows as null",
      { Entrypoint: null, Cmd: ["x"] },
      image,
      { Entrypoint: [""], Cmd: ["x"] },
    ],
    [
      "the image's entrypoint written out by the user, which drops the image's command",
      { Entrypoint: ["/entry"], Cmd: null },
      image,
      { Entrypoint: ["/entry"], Cmd: null },
    ],
    [
      "an image without entrypoint",
      { Entrypoint: null, Cmd: ["x"] },
      { Cmd: ["y"] },
      { Cmd: ["x"] },
    ],
  ];
  for (const [title, config, formerImage, expected] of rows) {
    test(title, () => {
      const { Entrypoint, Cmd } = spec({ config }, formerImage).body;
      const sent = {
        ...(Entrypoint === undefined ? {} : { Entrypoint }),
        ...(Cmd === undefined ? {} : { Cmd }),
      };
      assert.deepEqual(sent, expected);
    });
  }
});

describe("fields of the configuration", () => {
  test("the short id is no hostname", () => {
    assert.equal(spec({ config: { Hostname: ID.slice(0, 12) } }).body.Hostname, undefined);
    assert.equal(spec({ config: { Hostname: "mail" } }).body.Hostname, "mail");
  });
  test("the host's name is no hostname with the host's network, another one is", () => {
    const host = { NetworkMode: "host" };
    assert.equal(spec({ config: { Hostname: "amy" }, hostConfig: host }).body.Hostname, undefined);
    assert.equal(spec({ config: { Hostname: "tv" }, hostConfig: host }).body.Hostname, "tv");
  });
  test("no hostname goes with the host's UTS namespace", () => {
    const overrides = { config: { Hostname: "amy" }, hostConfig: { UTSMode: "host" } };
    assert.equal(spec(overrides).body.Hostname, undefined);
  });
  test("what belongs to building and the MAC address of the configuration are never sent", () => {
    const config = {
      ArgsEscaped: true,
      OnBuild: ["x"],
      Shell: ["sh"],
      MacAddress: "02:00:00:00:00:01",
    };
    const { body } = spec({ config });
    for (const key of Object.keys(config)) assert.ok(!(key in body), key);
  });
  test("everything else is carried, known or not", () => {
    const config = {
      Domainname: "lan",
      Tty: true,
      OpenStdin: true,
      StopTimeout: 90,
      Newer: { a: 1 },
    };
    const { body } = spec({ config });
    for (const [key, value] of Object.entries(config)) assert.deepEqual(body[key], value, key);
  });
});

describe("fields of the host configuration", () => {
  test("is carried verbatim, GPU requests and unconfined paths included", () => {
    const hostConfig = {
      NetworkMode: "default",
      PortBindings: { "80/tcp": [{ HostIp: "", HostPort: "" }] },
      RestartPolicy: { Name: "always", MaximumRetryCount: 0 },
      DeviceRequests: [{ Driver: "nvidia", Count: -1, Capabilities: [["gpu"]] }],
      MaskedPaths: [],
      ReadonlyPaths: null,
      Memory: 1024,
      FutureField: "kept",
    };
    const sent = hostConfigOf({ hostConfig });
    for (const [key, value] of Object.entries(hostConfig)) assert.deepEqual(sent[key], value, key);
  });
  test("ephemeral ports stay ephemeral", () => {
    const bindings = { "80/tcp": [{ HostIp: "", HostPort: "" }] };
    const overrides = { hostConfig: { PortBindings: bindings } };
    assert.deepEqual(hostConfigOf(overrides).PortBindings, bindings);
  });
  test("links are written as create takes them", () => {
    const sent = hostConfigOf({ hostConfig: { Links: ["/db:/app/database", "/db:/app/pg"] } });
    assert.deepEqual(sent.Links, ["db:database", "db:pg"]);
  });
  test("the default runtime is not sent, another one is", () => {
    assert.equal(hostConfigOf({ hostConfig: { Runtime: "runc" } }).Runtime, undefined);
    assert.equal(hostConfigOf({ hostConfig: { Runtime: "nvidia" } }).Runtime, "nvidia");
  });
  test("unset swappiness is not sent", () => {
    for (const MemorySwappiness of [-1, null]) {
      assert.ok(!("MemorySwappiness" in hostConfigOf({ hostConfig: { MemorySwappiness } })));
    }
    assert.equal(hostConfigOf({ hostConfig: { MemorySwappiness: 0 } }).MemorySwappiness, 0);
  });
  test("what the API no longer has is not sent", () => {
    const gone = { ContainerIDFile: "/x", KernelMemory: 1, KernelMemoryTCP: 1 };
    const sent = hostConfigOf({ hostConfig: gone });
    for (const key of Object.keys(gone)) assert.ok(!(key in sent), key);
  });
  test("namespaces of a replaced parent point at its new id", () => {
    const parents = { old: "new", data: "data2" };
    const hostConfig = {
      NetworkMode: "container:old",
      IpcMode: "container:old",
      PidMode: "container:other",
      VolumesFrom: ["data:ro", "plain"],
    };
    const sent = hostConfigOf({ hostConfig }, {}, { target: { parents } });
    assert.deepEqual(
      [sent.NetworkMode, sent.IpcMode, sent.PidMode, sent.VolumesFrom],
      ["container:new", "container:new", "container:other", ["data2:ro", "plain"]],
    );
  });
  test("seven settings are cleared where another container's network is used", () => {
    const overrides = {
      config: { Hostname: "vpn", ExposedPorts: { "80/tcp": {} } },
      hostConfig: {
        NetworkMode: "container:vpn",
        Links: ["/db:/app/db"],
        Dns: ["1.1.1.1"],
        ExtraHosts: ["a:1.2.3.4"],
        PortBindings: { "80/tcp": [{ HostPort: "80" }] },
        PublishAllPorts: true,
      },
      networks: {},
    };
    const { body } = spec(overrides);
    const sent = body.HostConfig as JsonObject;
    for (const key of ["Links", "Dns", "ExtraHosts", "PortBindings", "PublishAllPorts"]) {
      assert.ok(!(key in sent), key);
    }
    assert.ok(!("Hostname" in body) && !("ExposedPorts" in body) && !("NetworkingConfig" in body));
  });
  test("an interface's sysctls move to its network from API 1.48 on", () => {
    const overrides = {
      hostConfig: {
        NetworkMode: "lan",
        Sysctls: { "net.ipv4.conf.eth0.log_martians": "1", "net.core.somaxconn": "9" },
      },
      networks: {
        lan: {
          DriverOpts: {
            a: "b",
            "com.docker.network.endpoint.sysctls": "net.ipv6.conf.IFNAME.accept_ra=0",
          },
        },
      },
    };
    const facts = { info: { ...INFO, apiVersion: "1.48" } };
    assert.deepEqual(hostConfigOf(overrides, {}, { facts }).Sysctls, { "net.core.somaxconn": "9" });
    assert.deepEqual(endpointsOf(overrides, {}, { facts }), {
      lan: {
        DriverOpts: {
          a: "b",
          "com.docker.network.endpoint.sysctls":
            "net.ipv6.conf.IFNAME.accept_ra=0,net.ipv4.conf.IFNAME.log_martians=1",
        },
      },
    });
    assert.deepEqual(hostConfigOf(overrides).Sysctls, overrides.hostConfig.Sysctls);
  });
  test("sysctls of a second interface are refused, because its network cannot be told", () => {
    const overrides = { hostConfig: { Sysctls: { "net.ipv4.conf.eth1.log_martians": "1" } } };
    const facts = { info: { ...INFO, apiVersion: "1.48" } };
    assert.match(spec(overrides, {}, { facts }).refusals.join(), /eth1/);
  });
});

describe("networks", () => {
  test("only what a user can configure is sent, for all of them", () => {
    const networks = {
      front: {
        IPAMConfig: { IPv4Address: "10.1.0.9" },
        Links: null,
        Aliases: ["web", ID.slice(0, 12)],
        DriverOpts: null,
        GwPriority: 0,
        NetworkID: "n1",
        EndpointID: "e1",
        Gateway: "10.1.0.1",
        IPAddress: "10.1.0.9",
        IPPrefixLen: 24,
        MacAddress: "02:42:0a:01:00:09",
        DNSNames: ["web", "app"],
      },
      back: { Aliases: null, NetworkID: "n2", IPAddress: "10.2.0.2", GwPriority: 5 },
    };
    assert.deepEqual(endpointsOf({ hostConfig: { NetworkMode: "front" }, networks }), {
      front: { IPAMConfig: { IPv4Address: "10.1.0.9" }, Aliases: ["web"] },
      back: { GwPriority: 5 },
    });
  });
  test("up to API 1.44 the hostname is no alias of the user, later it is", () => {
    const overrides = {
      config: { Hostname: "mail" },
      hostConfig: { NetworkMode: "lan" },
      networks: { lan: { Aliases: ["mail", "smtp"] } },
    };
    const old = { facts: { info: { ...INFO, apiVersion: "1.44" } } };
    assert.deepEqual(endpointsOf(overrides, {}, old), { lan: { Aliases: ["smtp"] } });
    assert.deepEqual(endpointsOf(overrides), { lan: { Aliases: ["mail", "smtp"] } });
  });
  test("a configured MAC address is kept, a generated one is not", () => {
    const networks = { lan: { MacAddress: "02:42:0a:01:00:09" } };
    const hostConfig = { NetworkMode: "lan" };
    assert.deepEqual(endpointsOf({ hostConfig, networks }), { lan: {} });
    const config = { MacAddress: "02:11:22:33:44:55" };
    assert.deepEqual(endpointsOf({ config, hostConfig, networks }), {
      lan: { MacAddress: "02:11:22:33:44:55" },
    });
  });
  test("on macvlan the MAC address is kept", () => {
    const overrides = {
      hostConfig: { NetworkMode: "lan" },
      networks: { lan: { MacAddress: "02:42:0a:01:00:09" } },
    };
    const facts = { networkDrivers: { lan: "macvlan" } };
    assert.deepEqual(endpointsOf(overrides, {}, { facts }), {
      lan: { MacAddress: "02:42:0a:01:00:09" },
    });
  });
  test("the default bridge alone needs nothing", () => {
    const overrides = { hostConfig: { NetworkMode: "default" }, networks: { bridge: {} } };
    assert.equal(endpointsOf(overrides), undefined);
    assert.equal(hostConfigOf(overrides).NetworkMode, "default");
  });
  test("network mode and network have the same name", () => {
    const both = { hostConfig: { NetworkMode: "default" }, networks: { bridge: {}, lan: {} } };
    assert.equal(hostConfigOf(both).NetworkMode, "bridge");
    const byId = {
      hostConfig: { NetworkMode: "abc123" },
      networks: { first: { NetworkID: "other" }, lan: { NetworkID: "abc123" } },
    };
    assert.equal(hostConfigOf(byId).NetworkMode, "lan");
    const moved = { hostConfig: { NetworkMode: "bridge" }, networks: { lan: {} } };
    assert.equal(hostConfigOf(moved).NetworkMode, "lan");
  });
  test("host and none have no networks to attach", () => {
    for (const mode of ["host", "none"]) {
      const overrides = { hostConfig: { NetworkMode: mode }, networks: { [mode]: {} } };
      assert.equal(endpointsOf(overrides), undefined);
      assert.equal(hostConfigOf(overrides).NetworkMode, mode);
    }
  });
  test("a container that was disconnected from everything is refused", () => {
    const overrides = { hostConfig: { NetworkMode: "lan" }, networks: {} };
    assert.match(spec(overrides).refusals.join(), /attached to no network/);
  });
});

describe("volumes", () => {
  const volume = (Name: string, Destination: string, RW = true) => ({
    Type: "volume",
    Name,
    Source: `/var/lib/docker/volumes/${Name}/_data`,
    Destination,
    RW,
  });

  test("an anonymous volume is mounted by its name", () => {
    const overrides = {
      config: { Volumes: { "/data": {}, "/named": {}, "/bound": {} } },
      hostConfig: { Binds: ["store:/named/", "/srv:/bound:ro"] },
      mounts: [
        volume("f00d", "/data"),
        volume("store", "/named"),
        { Type: "bind", Source: "/srv", Destination: "/bound" },
      ],
    };
    const sent = hostConfigOf(overrides, { Volumes: { "/data": {} } });
    assert.deepEqual(sent.Mounts, [{ Type: "volume", Source: "f00d", Target: "/data" }]);
    assert.deepEqual(sent.Binds, ["store:/named/", "/srv:/bound:ro"]);
  });
  test("a mount without a source is given the volume that it has", () => {
    const sent = hostConfigOf({
      hostConfig: {
        Mounts: [{ Type: "volume", Target: "/data", VolumeOptions: { NoCopy: true } }],
      },
      mounts: [volume("f00d", "/data")],
    });
    assert.deepEqual(sent.Mounts, [
      { Type: "volume", Target: "/data", VolumeOptions: { NoCopy: true }, Source: "f00d" },
    ]);
  });
  test("a bind that is a path only is an anonymous volume", () => {
    const sent = hostConfigOf({
      hostConfig: { Binds: ["/data"] },
      mounts: [volume("f00d", "/data", false)],
    });
    assert.deepEqual(sent.Binds, []);
    assert.deepEqual(sent.Mounts, [
      { Type: "volume", Source: "f00d", Target: "/data", ReadOnly: true },
    ]);
  });
  test("volumes of another container come with it, own ones beside them are named", () => {
    const sent = hostConfigOf({
      config: { Volumes: { "/own": {} } },
      hostConfig: { VolumesFrom: ["other"], Binds: ["/alone"] },
      mounts: [volume("a", "/own"), volume("b", "/theirs"), volume("c", "/alone")],
    });
    assert.deepEqual(sent.Mounts, [
      { Type: "volume", Source: "a", Target: "/own" },
      { Type: "volume", Source: "c", Target: "/alone" },
    ]);
  });
  test("volumes of a container that is gone are named: they are still mounted", () => {
    const overrides = {
      hostConfig: { VolumesFrom: ["gone:ro", "there"], Binds: ["/srv:/bound"] },
      mounts: [
        volume("b", "/theirs", false),
        { Type: "bind", Source: "/srv", Destination: "/bound", RW: true },
        { Type: "bind", Source: "/lent", Destination: "/lent", RW: false },
      ],
    };
    const one = hostConfigOf(overrides, {}, { facts: { lost: ["gone"] } });
    assert.deepEqual(one.VolumesFrom, ["there"]);
    const alone = {
      ...overrides,
      hostConfig: { VolumesFrom: ["gone:ro"], Binds: ["/srv:/bound"] },
    };
    const sent = hostConfigOf(alone, {}, { facts: { lost: ["gone"] } });
    assert.deepEqual(sent.VolumesFrom, []);
    assert.deepEqual(sent.Binds, ["/srv:/bound", "/lent:/lent:ro"]);
    assert.deepEqual(sent.Mounts, [
      { Type: "volume", Source: "b", Target: "/theirs", ReadOnly: true },
    ]);
  });
  test("an image that no longer declares the volume is refused", () => {
    const overrides = { config: { Volumes: { "/data": {} } }, mounts: [volume("f00d", "/data")] };
    const former = { Volumes: { "/data": {} } };
    const dropped = { facts: { candidateImage: { Volumes: { "/elsewhere": {} } } } };
    assert.match(spec(overrides, former, dropped).refusals.join(), /volume \/data/);
    const same = { facts: { candidateImage: former } };
    assert.deepEqual(spec(overrides, former, same).refusals, []);
    assert.deepEqual(spec(overrides, {}, dropped).refusals, [], "the user's own, not the image's");
    const named = { ...overrides, hostConfig: { Binds: ["store:/data"] } };
    assert.deepEqual(spec(named, former, dropped).refusals, []);
  });
});

describe("refusals", () => {
  const rows: Array<[string, Overrides, RegExp]> = [
    ["--rm", { hostConfig: { AutoRemove: true } }, /when it stops/],
    ["Swarm tasks", { config: { Labels: { "com.docker.swarm.task.id": "x" } } }, /Swarm/],
    ["compose run", { config: { Labels: { "com.docker.compose.oneoff": "True" } } }, /one-off/],
    ["compose hooks", { config: { Labels: { "com.docker.compose.hook": "x" } } }, /hook/],
  ];
  for (const [title, overrides, expected] of rows) {
    test(title, () => assert.match(spec(overrides).refusals.join(), expected));
  }
  test("a namespace whose owner is gone", () => {
    const overrides = { hostConfig: { NetworkMode: "container:gone", PidMode: "container:there" } };
    const facts = { lost: ["gone"] };
    assert.deepEqual(spec(overrides, {}, { facts }).refusals, [
      "it uses the network namespace of gone, a container that is gone",
    ]);
    assert.deepEqual(spec(overrides).refusals, []);
  });
  test("none for an ordinary container", () => {
    const labels = { "com.docker.compose.oneoff": "False" };
    assert.deepEqual(spec({ config: { Labels: labels } }).refusals, []);
  });
});

describe("labels of the target", () => {
  test("compose's image label follows the image, where there is one", () => {
    const Labels = { "com.docker.compose.image": "sha256:old" };
    const target = { imageId: "sha256:new", labels: { extra: "1" } };
    assert.deepEqual(spec({ config: { Labels } }, {}, { target }).body.Labels, {
      "com.docker.compose.image": "sha256:new",
      extra: "1",
    });
    assert.deepEqual(spec({}, {}, { target }).body.Labels, { extra: "1" });
  });
  test("and stays for the same image, whatever compose had put there", () => {
    const Labels = { "com.docker.compose.image": "sha256:manifest" };
    const target = { imageId: container().Image };
    assert.deepEqual(spec({ config: { Labels } }, {}, { target }).body.Labels, Labels);
  });
});
