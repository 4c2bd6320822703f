import type { RestartPolicy } from "../ports.ts";
import type { HealthReport } from "../services/health-report.ts";
import type { ClusterFacts } from "./baseline.ts";
import type { DataMount } from "./data-mount.ts";

/** A container that is stopped while the database is, and started again whatever happens. */
export interface Companion {
  container: string;
  /** Key in the configuration. */
  service: string;
  role: "dependent" | "sidecar";
  id: string;
  /** Only what ran before is started again. */
  wasRunning: boolean;
  policy: RestartPolicy;
  /** How healthy it was before; null where nothing is compared. */
  baseline: HealthReport | null;
}

/** A restore: the same image, other data. */
export interface RestorePlan {
  kind: "dump" | "snapshot" | "database";
  path: string;
  /** Whether the container ran before, and so runs again when the restore fails. */
  wasRunning: boolean;
  /** Whether the server answered then: only such a one can be dumped, or be proved again. */
  wasServing: boolean;
  /** Databases that must be there afterwards. */
  databases: readonly string[];
  /** Of the data that is restored, once it is complete. */
  systemIdentifier?: string;
  /** How a fresh cluster is made like the one that was there. */
  initArguments: readonly string[];
  /** Of the cluster that was there; null where nobody could be asked. */
  bootstrapSuperuser: string | null;
  /** What it needs to be started with to take everything: libraries of extensions. */
  serverArguments: readonly string[];
  /** Of a restore of one database. */
  names?: DatabaseNames;
}

export interface DatabaseNames {
  database: string;
  /** While it is being made. */
  temporary: string;
  /** What the present one is called afterwards; null where there is none. */
  former: string | null;
}

/** The part of an update's plan that only PostgreSQL has. */
export interface PostgresPlan {
  user: string | null;
  /** `backups.postgres`. */
  folder: string;
  baseline: ClusterFacts;
  dataMount: DataMount;
  /** In the order in which they start. */
  companions: Companion[];
  withColdCopy: boolean;
  withDrill: boolean;
  /** Known once they are made. */
  dumpPath: string | null;
  snapshotPath: string | null;
  /** Where a data directory was put that had to be replaced by the cold copy. */
  failedDataPath: string | null;
  /** Set for `rollback postgres` and `rollback database`. */
  restore?: RestorePlan;
  /** Wall time when the server was about to be stopped. */
  stoppedAtMs: number | null;
}
