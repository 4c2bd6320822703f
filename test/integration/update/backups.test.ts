import assert from "node:assert/strict";
import { test } from "node:test";
import { web } from "../../lab/behaviours.ts";
import type { LabImage } from "../../lab/lab-types.ts";
import { openLab } from "../../lab/open-lab.ts";
import {
  backupsOf,
  composeUp,
  containerId,
  type Host,
  holdOf,
  hostOn,
  imageOf,
  messagesAbout,
  outcomesOf,
  runningImage,
} from "./host.ts";

const WEB = "127.0.0.1:5000/web:latest";
const YAML = `services:\n  web:\n    container_name: web\n    image: ${WEB}\n`;

test("backups, and the way back to them by hand", async (t) => {
  await using lab = await openLab({ remembersScans: true });
  const host = hostOn(lab);
  const versions: LabImage[] = [await lab.image("web:latest", web("1"))];
  const folder = await composeUp(lab, "stack", YAML);
  const version = (number: number) => versions[number - 1] as LabImage;
  const imageIds = (...numbers: number[]) => numbers.map((number) => version(number).imageId);

  await t.test("after five updates there are exactly three backups, the newest first", async () => {
    for (let number = 2; number <= 6; number += 1) {
      versions.push(await lab.image("web:latest", web(String(number))));
      assert.deepEqual(outcomesOf(await host.run("update", "web")), { web: "updated" });
    }
    assert.deepEqual(await backupsOf(lab, "web"), imageIds(5, 4, 3));
    assert.deepEqual(
      (await listed(host)).map(({ imageId }) => imageId),
      imageIds(5, 4, 3),
    );
    for (const id of imageIds(1, 2))
      assert.equal(await imageOf(lab, id), "", "older ones are gone");
  });

  await t.test(
    "rollback container brings the second one back, and the left one is kept",
    async () => {
      const report = await host.run("rollback", "container", "web", "2");
      assert.deepEqual(outcomesOf(report), { web: "updated" });
      assert.equal(report.exitCode, 0);
      assert.equal(await runningImage(lab, "web"), version(4).imageId);
      assert.equal(await imageOf(lab, WEB), version(4).imageId);
      assert.deepEqual(await backupsOf(lab, "web"), imageIds(6, 5, 3));
      assert.match(
        (await messagesAbout(host, "web")).at(-1)?.message ?? "",
        /^rolled back by hand - /,
      );
      const before = await containerId(lab, "web");
      await lab.compose(folder, ["up", "--detach"]);
      assert.equal(await containerId(lab, "web"), before, "compose agrees (I10)");
    },
  );

  await t.test("the next weekly run does not bring back what was left", async () => {
    const report = await host.run("weekly");
    assert.match(holdOf(report, "web"), /^quarantined: /);
    assert.equal(report.exitCode, 3);
    assert.equal(await runningImage(lab, "web"), version(4).imageId);
  });

  await t.test(
    "`docker image prune -a` leaves the tag of what runs after a roll back",
    async () => {
      await lab.docker(["image", "prune", "--all", "--force"]);
      assert.equal(await imageOf(lab, WEB), version(4).imageId);
      assert.deepEqual(await backupsOf(lab, "web"), []);
    },
  );

  await t.test("a backup that was pruned is fetched again by its digest", async () => {
    for (const backup of await listed(host)) {
      assert.equal(backup.isHere, false);
      assert.equal(backup.isInRegistry, true);
    }
    const report = await host.run("rollback", "container", "web", "2");
    assert.deepEqual(outcomesOf(report), { web: "updated" });
    assert.equal(await runningImage(lab, "web"), version(5).imageId);
    assert.deepEqual(
      (await listed(host)).map(({ imageId }) => imageId),
      imageIds(4, 6, 3),
    );
  });

  await t.test("a backup that the registry has deleted too is a clear error", async () => {
    await lab.registry.deleteManifest(`web@${version(3).digest}`);
    const list = await host.pratique("rollback", "list-containers", "web");
    assert.match(list.stdout, new RegExp(`${version(3).imageId.slice(7, 19)}.*gone`));
    const before = await containerId(lab, "web");
    const { code, stderr } = await host.pratique("rollback", "container", "web", "3");
    assert.equal(code, 1);
    assert.match(stderr, /no longer on the engine, and no registry has it/);
    assert.match(stderr, /rollback list-containers/);
    assert.equal(await containerId(lab, "web"), before);
    const none = await host.pratique("rollback", "container", "web", "4");
    assert.equal(none.code, 2);
    assert.match(none.stderr, /There is no backup 4 of web; there are 3/);
  });
});

interface Listed {
  imageId: string;
  isHere: boolean | null;
  isInRegistry: boolean | null;
}

/** The backups as pratique lists them. */
async function listed(host: Host): Promise<Listed[]> {
  const { stdout } = await host.pratique("rollback", "list-containers", "web", "--json");
  return (JSON.parse(stdout) as { backups: Listed[] }).backups;
}
