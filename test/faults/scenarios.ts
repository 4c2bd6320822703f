/** Every kind of update that the enumeration knows. */
import { preparePostgres } from "./postgres-stage.ts";
import type { Scenario } from "./stage.ts";
import { prepareVpn } from "./vpn-stage.ts";
import { prepareWeb } from "./web-stage.ts";

const WAYS = [true, false].flatMap((isCompose) =>
  [true, false].map((isCommitted) => ({
    isCompose,
    isCommitted,
    name: `${isCompose ? "compose" : "engine"}-${isCommitted ? "commit" : "rollback"}`,
    title: `${isCompose ? "compose" : "engine"}, ${isCommitted ? "committed" : "rolled back"}`,
  })),
);

export const SCENARIOS: readonly Scenario[] = [
  ...WAYS.map(({ name, title, ...way }): Scenario => {
    const { isCommitted } = way;
    return { name, title, isCommitted, prepare: (lab) => prepareWeb(lab, way), strides: null };
  }),
  ...WAYS.map(
    ({ name, title, ...way }): Scenario => ({
      name: `vpn-${name}`,
      title: `parent and two children, ${title}`,
      isCommitted: way.isCommitted,
      prepare: (lab) => prepareVpn(lab, way),
      strides: null,
    }),
  ),
  {
    name: "postgres-commit",
    title: "PostgreSQL, engine calls",
    isCommitted: true,
    prepare: preparePostgres,
    // One such update takes as long as ten others; its journal and its engine have jobs of their own.
    strides: { "kill-after": 5, error: 11 },
  },
];
