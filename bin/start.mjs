// Runs main with a node that the machine has, when that is new enough: an older one would only
// stumble over the first TypeScript file. Written so that old ones understand it.
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";

const [node, , main, ...rest] = process.argv;
if (Number(process.versions.node.split(".")[0]) < 24) {
  process.stderr.write(
    `pratique: needs Node.js 24 or newer; ${node} is ${process.version}.\n` +
      "Next: install a newer one from https://nodejs.org, run `npm install` in the checkout (it\n" +
      "brings one), or set PRATIQUE_NODE to the path of a newer node program.\n",
  );
  process.exitCode = 4;
} else {
  const file = resolve(main);
  process.argv = [node, file, ...rest];
  await import(pathToFileURL(file).href);
}
