/** One thing at a time, in the order in which it was asked for (DESIGN section 12). */
import type { Job } from "../policy/jobs.ts";

export interface Task {
  /** Which scheduled job this is; null for what came from outside (a hook). */
  job: Job | null;
  /** Throws only for bugs: what goes wrong with the work is told by the task itself. */
  run(): Promise<void>;
}

export interface Worker {
  add(task: Task): void;
  /** What is in hand and what waits, in order. */
  tasks(): readonly Task[];
  /** Takes a task back that has not begun. */
  withdraw(task: Task): void;
  /** Works until the signal; what is in hand then is brought to its end. */
  work(stop: AbortSignal): Promise<void>;
}

/** A worker without tasks. Its queue is bounded by who adds: a job waits at most once. */
export function createWorker(): Worker {
  const queue: Task[] = [];
  let inHand: Task | null = null;
  let wake = () => {};
  return {
    add(task) {
      queue.push(task);
      wake();
    },
    tasks: () => (inHand === null ? [...queue] : [inHand, ...queue]),
    withdraw(task) {
      const index = queue.indexOf(task);
      if (index >= 0) queue.splice(index, 1);
    },
    async work(stop) {
      stop.addEventListener("abort", () => wake(), { once: true });
      while (!stop.aborted) {
        inHand = queue.shift() ?? null;
        if (inHand !== null) await inHand.run();
        else await new Promise<void>((resolve) => (wake = resolve));
      }
      inHand = null;
    },
  };
}
