import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { requireProgram } from '../../devstack/install/packages.mjs';
import { writeAtomically } from '../../devstack/system/folder.mjs';
import { freePort, LOOPBACK } from '../../devstack/system/ports.mjs';
import { render, SECRETS } from '../../scripts/chart/render.mjs';
import type { Cluster } from '../../verification/harness/cluster.ts';
import { Member } from '../../verification/harness/member.ts';
import type { Service } from '../../verification/harness/service.ts';
import { now } from '../../verification/harness/time.ts';

/**
 * The factor by which durations of a minute or more in the rules, and the scrape interval of 15 s, are shortened, so
 * that an hour of alerts takes minutes. Shorter durations are unchanged, because a restart of Redis or MySQL is no
 * faster here. Thresholds are unchanged, too.
 */
export const FASTER = 10;
const SCRAPE_MS = 15_000 / FASTER;
const READY_MS_MAX = 120_000;
const RELEASE = 'holdfast';
const RUNBOOK = join(import.meta.dirname, '..', '..', 'docs', 'runbook.md');

/** A process that was added to the cluster later. */
interface Scraped {
  job: 'api' | 'keeper';
  release: string;
  service: Service;
}
export interface Rule {
  alert: string;
  severity: string;
}
interface Rendered {
  alert?: string;
  expr: string;
  for?: string;
  labels?: { severity: string };
  annotations?: Record<string, string>;
}
interface Notified {
  status: 'firing' | 'resolved';
  labels: { alertname: string; severity: string };
  annotations: Record<string, string>;
}

/** The alerts that the receiver got: the state of each alert, and the time at which it entered that state. */
export class Inbox {
  readonly #firing = new Map<string, number>();
  readonly seen = new Map<string, number>();
  readonly links = new Map<string, string>();

  take(alerts: readonly Notified[]): void {
    for (const { status, labels, annotations } of alerts) {
      const { alertname } = labels;
      this.links.set(alertname, annotations['runbook_url'] ?? '');
      if (status === 'resolved') this.#firing.delete(alertname);
      else if (!this.#firing.has(alertname)) this.#firing.set(alertname, now());
      if (status === 'firing' && !this.seen.has(alertname)) this.seen.set(alertname, now());
    }
  }
  get firing(): string[] {
    return [...this.#firing.keys()].sort();
  }
  forget(): void {
    this.seen.clear();
  }
}

/** Debian's Prometheus and Alertmanager, with the chart's rules and a receiver; they stop with the cluster. */
export class Monitoring implements AsyncDisposable {
  readonly inbox = new Inbox();
  readonly rules: readonly Rule[];
  readonly #server: Server;
  readonly #targets: string;

  private constructor(rules: readonly Rule[], server: Server, cluster: Cluster) {
    this.rules = rules;
    this.#server = server;
    this.#targets = join(cluster.dir, 'targets.json');
    this.watch([]);
  }

  /** Additional scrape targets; each call replaces those of the previous one. */
  watch(services: readonly Scraped[]): void {
    const groups = services.map(({ job, release, service }) => targetOf(job, service, release));
    writeAtomically(this.#targets, JSON.stringify(groups), 0o644);
  }

  static async start(cluster: Cluster): Promise<Monitoring> {
    const port = await freePort();
    const hook = `http://${LOOPBACK}:${port}`;
    const groups = rulesOf(`${hook}/runbook`);
    const rules = groups.flatMap(({ rules }) =>
      rules.flatMap(({ alert, labels }) => (alert && labels ? [{ alert, severity: labels.severity }] : [])),
    );
    const server = createServer();
    const monitoring = new Monitoring(rules, server, cluster);
    server.on('request', async (request, response) => {
      if (request.url === '/runbook') {
        response.end(readFileSync(RUNBOOK));
        return;
      }
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk as Buffer);
      monitoring.inbox.take(JSON.parse(Buffer.concat(chunks).toString()).alerts);
      response.end();
    });
    await new Promise<void>((resolve) => server.listen(port, LOOPBACK, resolve));
    const alertmanager = await startAlertmanager(cluster, `${hook}/alerts`);
    await startPrometheus(cluster, groups, alertmanager, monitoring.#targets);
    return monitoring;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

function rulesOf(runbookUrl: string): { name: string; rules: Rendered[] }[] {
  const monitoring = { prometheusRule: true, runbookUrl };
  const rule = render({ ...SECRETS.default, monitoring }).get('PrometheusRule/holdfast');
  const groups = rule?.['spec'].groups as { name: string; rules: Rendered[] }[];
  return groups.map(({ name, rules }) => ({ name, rules: rules.map(faster) }));
}

/** Shortens only windows and waits of minutes. Those of days would take too long even if they were shortened. */
function faster(rule: Rendered): Rendered {
  const scaled = (text: string): string =>
    text.replace(/(\[|offset |^)(\d+)m(?=\]|\s|$)/g, (_, before: string, minutes: string) => {
      return `${before}${(Number(minutes) * 60_000) / FASTER}ms`;
    });
  return { ...rule, expr: scaled(rule.expr), ...(rule.for === undefined ? {} : { for: scaled(rule.for) }) };
}

async function startAlertmanager(cluster: Cluster, hook: string): Promise<string> {
  const dir = join(cluster.dir, 'alertmanager');
  mkdirSync(dir, { recursive: true });
  const address = `${LOOPBACK}:${await freePort()}`;
  const config = join(dir, 'config.yaml');
  const route = { receiver: 'hook', group_by: ['alertname'], group_wait: '100ms', group_interval: '500ms' };
  const receivers = [{ name: 'hook', webhook_configs: [{ url: hook, send_resolved: true }] }];
  writeFileSync(config, stringify({ route: { ...route, repeat_interval: '1h' }, receivers }));
  const member = memberOf(cluster, dir, 'Alertmanager', requireProgram('alertmanager'), `http://${address}/-/ready`, [
    `--config.file=${config}`,
    `--storage.path=${join(dir, 'data')}`,
    `--web.listen-address=${address}`,
    '--cluster.listen-address=',
  ]);
  await member.start();
  return address;
}

/** The job is set as a label, so that one file may contain services of several jobs. */
const targetOf = (job: string, { url, name }: Service, release: string) => ({
  targets: [url.replace('http://', '')],
  labels: { job, namespace: 'bank', release, pod: name },
});

async function startPrometheus(cluster: Cluster, groups: object, alertmanager: string, targets: string): Promise<void> {
  const dir = join(cluster.dir, 'prometheus');
  mkdirSync(dir, { recursive: true });
  const address = `${LOOPBACK}:${await freePort()}`;
  const rules = join(dir, 'rules.yaml');
  writeFileSync(rules, stringify({ groups }));
  const scraped = [
    ...cluster.pods.map((pod) => targetOf('api', pod, RELEASE)),
    ...cluster.keepers.map((keeper) => targetOf('keeper', keeper, RELEASE)),
  ];
  const config = {
    global: { scrape_interval: `${SCRAPE_MS}ms`, scrape_timeout: `${SCRAPE_MS}ms`, evaluation_interval: '1s' },
    rule_files: [rules],
    alerting: { alertmanagers: [{ static_configs: [{ targets: [alertmanager] }] }] },
    scrape_configs: [
      {
        job_name: 'holdfast',
        static_configs: scraped,
        file_sd_configs: [{ files: [targets] }],
      },
    ],
  };
  const file = join(dir, 'config.yaml');
  writeFileSync(file, stringify(config, { aliasDuplicateObjects: false }));
  await memberOf(cluster, dir, 'Prometheus', requireProgram('prometheus'), `http://${address}/-/ready`, [
    `--config.file=${file}`,
    `--storage.tsdb.path=${join(dir, 'data')}`,
    `--web.listen-address=${address}`,
  ]).start();
}

function memberOf(
  cluster: Cluster,
  dir: string,
  name: string,
  command: string,
  ready: string,
  args: readonly string[],
): Member {
  return cluster.add(
    new Member({
      name,
      part: 'tool',
      command,
      args: [...args, '--log.level=warn'],
      stack: cluster.dir,
      logFile: join(dir, 'log'),
      answers: () =>
        fetch(ready).then(
          ({ ok }) => ok,
          () => false,
        ),
      readyMsMax: READY_MS_MAX,
      stopMsMax: 10_000,
    }),
  );
}
