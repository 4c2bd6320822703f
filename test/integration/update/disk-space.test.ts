import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { test } from "node:test";
import { web } from "../../lab/behaviours.ts";
import { openLab } from "../../lab/open-lab.ts";
import { openRegistryProxy } from "../../lab/registry-proxy.ts";
import { holdOf, hostOn, imageOf, runContainer } from "./host.ts";

test("a candidate that does not fit where the engine keeps images is not pulled, and the figures are said", async () => {
  await using lab = await openLab({ parts: ["registry", "ntfy", "trivy"] });
  const data = join(lab.dir, "engine", "data");
  execFileSync("mkdir", ["-p", data]);
  // Room for the former image, and for nothing with the reserve of a gigabyte.
  execFileSync("mount", ["-t", "tmpfs", "-o", "size=300m", "tmpfs", data]);
  try {
    await lab.engine.start();
    await using proxy = await openRegistryProxy();
    const reference = `${proxy.host}/web:latest`;
    await lab.image("web:latest", web("one"));
    await runContainer(lab, "web", reference);
    const former = await imageOf(lab, reference);
    const candidate = await lab.image("web:latest", { ...web("two"), extraBytes: 2_000_000 });
    proxy.reset();
    const host = hostOn(lab);
    const report = await host.run("weekly");
    assert.match(
      holdOf(report, "web"),
      /^disk-space: The download of \d+ MB needs \d+ MB free with the reserve of 1074 MB; there are \d+ MB\./,
    );
    assert.equal(report.exitCode, 3);
    assert.equal(proxy.count("GET", /\/blobs\//), 0, "nothing was pulled");
    assert.equal(await imageOf(lab, candidate.byDigest), "");
    assert.equal(await imageOf(lab, reference), former);
  } finally {
    await lab.docker(["rm", "--force", "web"], { mayFail: true });
    await lab.engine.stop();
    execFileSync("umount", ["--recursive", "--lazy", data]);
  }
});
