/**
 * What diun sends when an image is new (facts/conventions section 6): a hint that is looked into,
 * never the truth and never an order. By default diun sends GET with a JSON body and without a
 * content type, so the body is read from the connection, whatever method and type say.
 */

import type { IncomingMessage } from "node:http";
import type { HttpBindings } from "@hono/node-server";
import type { Context } from "hono";
import * as v from "valibot";
import type { Secret } from "../values/secret.ts";
import { showsToken } from "./bearer.ts";
import { readBody } from "./read-body.ts";

/** diun's own are about 1 KiB. */
const MAX_BODY_BYTES = 64 * 1024;

const hintSchema = v.object({
  status: v.pipe(v.string(), v.maxLength(64)),
  image: v.pipe(v.string(), v.maxLength(512)),
});

/** What became of a hint. */
export type HintResult = "accepted" | "no-reference" | "full";

export interface DiunHook {
  /** Null: the hook is off. */
  token: Secret | null;
  hint(image: string): HintResult;
}

type HookContext = Context<{ Bindings: HttpBindings }>;

/** Answers at once; the check comes later. */
export async function answerDiun(context: HookContext, hook: DiunHook): Promise<Response> {
  if (hook.token === null) {
    return refuse(context, 404, "The hook of diun is off: http.hooks.diunToken is not set.");
  }
  if (!showsToken(context.req.header("authorization"), hook.token)) {
    context.header("www-authenticate", "Bearer");
    return refuse(context, 401, "Send the header authorization: Bearer <http.hooks.diunToken>.");
  }
  const body = await readBody(context.env.incoming as IncomingMessage, MAX_BODY_BYTES);
  if (body === null) {
    context.header("connection", "close");
    return refuse(context, 413, `The body has more than ${MAX_BODY_BYTES} bytes.`);
  }
  const parsed = v.safeParse(hintSchema, parseJson(body));
  if (!parsed.success) {
    return refuse(context, 400, "The body is not diun's JSON: it has no status and image.");
  }
  const { status, image } = parsed.output;
  // Only these two say that there is something to look for.
  if (status !== "new" && status !== "update") return accept(context, false);
  const result = hook.hint(image);
  if (result === "no-reference") return refuse(context, 400, "image is no image reference.");
  if (result === "full") {
    context.header("retry-after", "60");
    return refuse(context, 503, "Too many images wait to be looked for.");
  }
  return accept(context, true);
}

function parseJson(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString("utf8"));
  } catch {
    return null;
  }
}

function accept(context: HookContext, accepted: boolean): Response {
  return context.json({ schema: 1, accepted }, 202);
}

function refuse(context: HookContext, status: 400 | 401 | 404 | 413 | 503, error: string) {
  return context.json({ schema: 1, error }, status);
}
