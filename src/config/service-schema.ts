/** The `services.<name>` section of the configuration file. */
import * as v from "valibot";
import { CHECKS } from "./names.ts";
import {
  address,
  age,
  commandLine,
  containerName,
  hostAndPort,
  hostMaybePort,
  httpUrl,
  list,
  oneOf,
  oneOrMore,
  pause,
  secret,
  text,
  timeout,
  wholeNumber,
  yesOrNo,
} from "./values.ts";

const httpProbe = v.strictObject({
  url: v.pipe(httpUrl, v.description("Address that is asked.")),
  status: v.nullish(
    v.pipe(
      oneOrMore(wholeNumber(100, 599)),
      v.description("Status codes that are healthy; without it any 2xx or 3xx."),
    ),
    [],
  ),
  contains: v.nullish(v.pipe(text, v.description("Text that the answer must contain.")), null),
});

const dnsProbe = v.strictObject({
  server: v.pipe(
    hostMaybePort,
    v.description("Server that is asked, host or host:port; a container name is resolved."),
  ),
  name: v.pipe(text, v.description("Name that must have an address.")),
  type: v.nullish(v.pipe(oneOf(["A", "AAAA"]), v.description("Record type.")), "A"),
  blocked: v.nullish(
    v.pipe(text, v.description("Name that the server must block, for a filtering DNS server.")),
    null,
  ),
});

export const serviceSchema = v.strictObject({
  container: v.nullish(
    v.pipe(
      containerName,
      v.description("Name of the container, where it differs from the service's key."),
    ),
    null,
  ),
  check: v.nullish(
    v.pipe(
      oneOf(CHECKS),
      v.description(
        "Which checks the service has. Without it the container's image name decides, else generic.",
      ),
    ),
    null,
  ),
  url: v.nullish(
    v.pipe(
      httpUrl,
      v.description(
        "Base address of the service. Without it the address is found from the container.",
      ),
    ),
    null,
  ),
  dns: v.nullish(v.pipe(dnsProbe, v.description("A DNS question that must be answered.")), null),
  tcp: v.nullish(
    v.pipe(
      oneOrMore(hostAndPort),
      v.description("host:port, or a list of them, that must accept a connection."),
    ),
    [],
  ),
  http: v.nullish(
    v.pipe(
      oneOrMore(httpProbe),
      v.description("A web address, or a list of them, that must answer."),
    ),
    [],
  ),
  exec: v.nullish(
    v.pipe(
      v.union(
        [commandLine, v.array(commandLine)],
        "must be a list: the program and its arguments, or a list of such lists",
      ),
      v.description(
        "A command inside the container, as a list of program and arguments, that must exit with 0; or a list of such commands.",
      ),
    ),
    [],
  ),
  timeout: v.nullish(
    v.pipe(timeout, v.description("Deadline of the checks after an update; else health.timeout.")),
    null,
  ),
  stable: v.nullish(
    v.pipe(pause, v.description("How long it must stay up without a restart; else health.stable.")),
    null,
  ),
  strategy: v.nullish(
    v.pipe(
      oneOf(["auto", "compose", "engine"]),
      v.description(
        "How it is put in service; else deploy.strategy. engine needs no compose files.",
      ),
    ),
    null,
  ),
  cooldown: v.nullish(
    v.pipe(age, v.description("Hold digests first seen less than this ago; else gate.cooldown.")),
    null,
  ),
  mode: v.nullish(
    v.pipe(
      oneOf(["auto", "notify"]),
      v.description("auto updates it; notify only tells that there is an update."),
    ),
    null,
  ),
  dependsOn: v.nullish(
    v.pipe(list(containerName), v.description("Services that are updated before this one.")),
    [],
  ),
  dependents: v.nullish(
    v.pipe(
      list(containerName),
      v.description(
        "Services that are checked with this one; a postgres check also stops and starts them, in this order.",
      ),
    ),
    [],
  ),
  sidecars: v.nullish(
    v.pipe(
      list(containerName),
      v.description("postgres: helpers such as a backup container, stopped and started with it."),
    ),
    [],
  ),
  user: v.nullish(v.pipe(text, v.description("postgres: superuser; else postgres.")), null),
  databases: v.nullish(
    v.pipe(list(text), v.description("postgres: databases that must exist.")),
    [],
  ),
  dataBackup: v.nullish(
    v.pipe(
      yesOrNo,
      v.description("postgres: make a cold copy of the data directory before an update."),
    ),
    false,
  ),
  restoreDrill: v.nullish(
    v.pipe(
      yesOrNo,
      v.description(
        "postgres: restore the dump into a throwaway container of the new image before the update.",
      ),
    ),
    false,
  ),
  database: v.nullish(
    v.pipe(text, v.description("spendspentspent: database in which its connection must be seen.")),
    null,
  ),
  virtualAddress: v.nullish(
    v.pipe(address, v.description("keepalived: the address that the master holds.")),
    null,
  ),
  state: v.nullish(
    v.pipe(
      oneOf(["master", "backup"]),
      v.description("keepalived: the state that this node must have. Leave it out with nopreempt."),
    ),
    null,
  ),
  machineLearning: v.nullish(
    v.pipe(httpUrl, v.description("immich: address of its machine learning service.")),
    null,
  ),
  username: v.nullish(
    v.pipe(text, v.description("transmission, ntfy: user that the check logs in as.")),
    null,
  ),
  password: v.nullish(
    v.pipe(
      secret,
      v.description("transmission, ntfy: password of that user; for ntfy alone: a token."),
    ),
    null,
  ),
});

export type ServiceEntry = v.InferOutput<typeof serviceSchema>;
