/**
 * Runs inside a container of the lab, as pratique does there: checks the services of the
 * configuration in CHECK_CONFIG and prints the reports as JSON.
 */
import { createEngine } from "../../../src/adapters/docker-engine/create-engine.ts";
import { ownContainerId } from "../../../src/adapters/system/own-container.ts";
import { findVantage } from "../../../src/services/vantage.ts";
import { checkerOf } from "./check-lab.ts";

const endpoint = "unix:///var/run/docker.sock";
const vantage = await findVantage(endpoint, ownContainerId(), createEngine({ endpoint }));
const { config, check } = checkerOf(endpoint, process.env.CHECK_CONFIG ?? "", { vantage });
const reports = await Promise.all(Object.keys(config.services).map((name) => check(name)));
console.log(JSON.stringify({ vantage: vantage.kind, reports }));
