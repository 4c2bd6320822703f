import type { HttpBindings } from "@hono/node-server";
import { Hono } from "hono";
import type { HttpConfig } from "../config/config.ts";
import { isAllowedHost } from "./allowed-host.ts";
import { answerDiun, type HintResult } from "./diun-hook.ts";

/** Whether the daemon can do its work now. */
export interface Readiness {
  /** Why not; empty when it can. */
  reasons: readonly string[];
}

export interface AppDeps {
  http: HttpConfig;
  readiness(): Promise<Readiness>;
  hint(image: string): HintResult;
  /** Where an error of ours goes: the answer says nothing about it. */
  showError(error: unknown): void;
}

const HOOK = "/api/v1/hooks/diun";

/** Everything that the daemon answers over HTTP. */
export function createApp(deps: AppDeps): Hono<{ Bindings: HttpBindings }> {
  const { http } = deps;
  const app = new Hono<{ Bindings: HttpBindings }>();
  app.use(async (context, next) => {
    context.header("cache-control", "no-store");
    context.header("content-security-policy", "default-src 'none'; frame-ancestors 'none'");
    context.header("x-content-type-options", "nosniff");
    if (isAllowedHost(context.req.header("host"), http)) return await next();
    const error = "This name is not one of pratique's: list it under http.hosts.";
    return context.json({ schema: 1, error }, 421);
  });
  app.get("/livez", (context) => context.json({ schema: 1, status: "alive" }));
  app.get("/readyz", async (context) => {
    const { reasons } = await deps.readiness();
    if (reasons.length === 0) return context.json({ schema: 1, status: "ready" });
    return context.json({ schema: 1, status: "not-ready", reasons }, 503);
  });
  const hook = { token: http.hooks.diunToken, hint: deps.hint };
  app.on(["GET", "POST"], HOOK, async (context) => await answerDiun(context, hook));
  app.all(HOOK, (context) => {
    context.header("allow", "GET, POST");
    return context.json({ schema: 1, error: "diun sends GET or POST." }, 405);
  });
  app.notFound((context) => context.json({ schema: 1, error: "There is nothing here." }, 404));
  app.onError((error, context) => {
    deps.showError(error);
    return context.json({ schema: 1, error: "Something went wrong; the log has it." }, 500);
  });
  return app;
}
