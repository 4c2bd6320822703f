import { type Check, type CheckContext, healthy, unhealthy } from "./check.ts";

/** A process of this program runs in the container (as `docker top` shows it). */
export function processCheck(context: CheckContext, program: string): Check {
  const name = `process ${program}`;
  return {
    name,
    isRequired: true,
    run: async () => {
      const lines = await context.engine.processes(context.container.Id);
      const running = lines.filter((line) => programOf(line) === program);
      if (running.length > 0) return healthy(`${name}: ${running.length} running`);
      const others = lines.map(programOf).slice(0, 5).join(", ");
      return unhealthy(`${name}: not among the container's processes (${others})`);
    },
  };
}

/** The program's name without its folder; arguments may hold secrets and are dropped. */
function programOf(commandLine: string): string {
  const first = commandLine.trim().split(/\s+/)[0] ?? "";
  return first.slice(first.lastIndexOf("/") + 1);
}
