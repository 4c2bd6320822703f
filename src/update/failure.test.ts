import assert from "node:assert/strict";
import { test } from "node:test";
import {
  COMPOSE_CUT_OFF,
  DEPLOY_FAILED,
  ENGINE_UNREACHABLE,
  type OperatorError,
  PORT_TAKEN,
} from "../errors.ts";
import { failureOf } from "./failure.ts";
import type { MemberPlan } from "./plan.ts";

test("only what the candidate itself did counts against its digest (I11)", () => {
  const member = { container: "web" } as MemberPlan;
  const verdictOf = (error: OperatorError) => failureOf(error, "deploy", member).verdict;
  assert.equal(verdictOf(DEPLOY_FAILED("web", "it ended with 1")), "unhealthy");
  assert.equal(verdictOf(COMPOSE_CUT_OFF("web", "compose was ended by SIGKILL")), "unknown");
  assert.equal(verdictOf(ENGINE_UNREACHABLE("unix:///d", "ECONNREFUSED")), "unknown");
  assert.equal(verdictOf(PORT_TAKEN("0.0.0.0:80 is already allocated")), "unknown");
});
