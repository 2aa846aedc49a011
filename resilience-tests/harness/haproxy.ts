import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { findProgram, WANTED } from '../../devstack/install/packages.mjs';
import { LOOPBACK } from '../../devstack/system/ports.mjs';
import { Member } from '../../verification/harness/member.ts';
import { ownPort } from '../../verification/harness/ports.ts';
import { until } from '../../verification/harness/time.ts';
import { NotHere } from './hypothesis.ts';

/** The time between two checks, ms. After FAILURES failed checks of a pod, HAProxy sends it no more requests. */
const CHECK_EVERY_MS = 200;
const FAILURES = 2;
/**
 * The timeout of a check, long enough for a slow pod to stay ready. A stopping pod reports immediately that it is
 * unready.
 */
const CHECK_MS_MAX = 5_000;
const NOTICED_MS_MAX = 60_000;
const READY_MS_MAX = 60_000;
const STOP_MS_MAX = 5_000;

/**
 * HAProxy in front of the pods, like an ingress: it checks `/readyz`, and reuses its connections for any client. It
 * does not retry, so a client notices every request that a pod does not answer.
 */
export class Haproxy extends Member {
  readonly url: string;
  readonly #statistics: string;

  private constructor(program: ConstructorParameters<typeof Member>[0], url: string, statistics: string) {
    super(program);
    this.url = url;
    this.#statistics = statistics;
  }

  /** @throws NotHere if HAProxy is not installed */
  static async before(pods: readonly string[], dir: string): Promise<Haproxy> {
    const command = findProgram(...WANTED.haproxy.programs);
    if (command === null) throw new NotHere(`no HAProxy: ${WANTED.haproxy.otherwise}`);
    const [port, statisticsPort] = [await ownPort(), await ownPort()];
    const file = join(dir, 'haproxy.cfg');
    writeFileSync(file, configuration(pods, port, statisticsPort));
    const statistics = `http://${LOOPBACK}:${statisticsPort}/;csv`;
    const program = {
      name: 'HAProxy',
      part: 'tool' as const,
      command,
      args: ['-db', '-f', file],
      stack: dir,
      logFile: join(dir, 'logs', 'haproxy.log'),
      answers: async () => (await statesIn(statistics)) !== null,
      readyMsMax: READY_MS_MAX,
      stopMsMax: STOP_MS_MAX,
    };
    return new Haproxy(program, `http://${LOOPBACK}:${port}`, statistics);
  }

  /** Waits until HAProxy considers this many pods ready. */
  async untilUp(pods: number): Promise<void> {
    await until(`HAProxy considers ${pods} pods ready`, NOTICED_MS_MAX, async () => {
      const states = await statesIn(this.#statistics);
      return states?.filter((state) => state === 'UP').length === pods;
    });
  }
}

function configuration(pods: readonly string[], port: number, statisticsPort: number): string {
  const servers = pods.map((url, index) => `  server pod-${index + 1} ${new URL(url).host} check`);
  return `global
  maxconn 4000

defaults
  mode http
  retries 0
  timeout connect 5s
  timeout check ${CHECK_MS_MAX}ms
  timeout client 60s
  timeout server 60s

frontend clients
  bind ${LOOPBACK}:${port}
  default_backend pods

backend pods
  balance roundrobin
  http-reuse always
  option httpchk GET /readyz
  http-check expect status 200
  default-server inter ${CHECK_EVERY_MS}ms fall ${FAILURES} rise 1
${servers.join('\n')}

frontend statistics
  bind ${LOOPBACK}:${statisticsPort}
  stats enable
  stats uri /
`;
}

/** HAProxy's state of each pod; null while it does not respond. */
async function statesIn(statistics: string): Promise<string[] | null> {
  const text = await fetch(statistics)
    .then((response) => response.text())
    .catch(() => null);
  const [head, ...rows] = text?.split('\n').map((line) => line.split(',')) ?? [];
  const status = head?.indexOf('status') ?? -1;
  if (status < 0) return null;
  return rows.filter(([, name]) => name?.startsWith('pod-')).map((row) => row[status] ?? '');
}
