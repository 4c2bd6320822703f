import type { ImageSpec, Lab } from "../../lab/lab-types.ts";
import { runReal } from "./check-lab.ts";

/** A fresh cluster at each start: quick, for checks need no data that lasts. */
const START = `#!/bin/sh
set -e
mkdir -p /var/run/postgresql /data
chown app /var/run/postgresql /data
as_app() { su -s /bin/sh app -c "PATH=$PATH; $1"; }
as_app "initdb -D /data -U postgres --auth=trust --no-sync --locale=C.UTF-8 -E UTF8 >/dev/null"
echo "host all all all trust" >> /data/pg_hba.conf
echo "host all all ::/0 trust" >> /data/pg_hba.conf
OPTIONS="-c fsync=off -c jit=off"
as_app "pg_ctl -D /data -w -o \\"$OPTIONS -c listen_addresses=''\\" start >/dev/null"
for name in $DATABASES; do
  as_app "createdb -U postgres $name; psql -q -U postgres -c 'create role $name superuser login'"
done
as_app "pg_ctl -D /data -w -m fast stop >/dev/null"
exec su -s /bin/sh app -c "PATH=$PATH; exec postgres -D /data $OPTIONS -c listen_addresses='*'"
`;

/** PostgreSQL of Debian with these databases, each with a role of the same name. */
export function postgresSpec(...databases: string[]): ImageSpec {
  return {
    files: { "/start": START },
    cmd: ["/start"],
    env: { DATABASES: databases.join(" "), PG_MAJOR: "17", PGDATA: "/data" },
    exposedPorts: ["5432/tcp"],
    stopSignal: "SIGINT",
  };
}

export async function runPostgres(
  lab: Lab,
  name: string,
  databases: readonly string[],
  args: readonly string[] = [],
): Promise<void> {
  await runReal(lab, name, postgresSpec(...databases), { args, image: `postgres:${name}` });
}
