import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { clusterEnv, kubectl, kubectlProgram } from '../../../devstack/cluster/commands.ts';
import { helm, makeNamespace } from '../../../devstack/cluster/install.ts';
import type { Provider } from '../../../devstack/cluster/provider.ts';
import { UserError } from '../../../devstack/system/console.mjs';
import { ApiServer } from '../cluster/api-server.ts';
import { findRelease } from '../cluster/release.ts';
import { untilTrue } from '../cluster/wait.ts';
import { type CloudExample, externalSecrets, networkPolicyOf, valuesFile } from './cloud-example.ts';
import type { ManagedStores } from './managed-stores.ts';

/** A release of the chart, installed as the comments of an example describe. */

const CHART = join(import.meta.dirname, '..', '..', '..', 'charts', 'holdfast');
const RELEASE = 'holdfast';
export const OTHER_CA = 'other-ca';
const SYNCHRONIZED_MS_MAX = 60_000;
const LOG_MS_MAX = 90_000;

export interface Hosts {
  redis: string;
  mysql: string;
}

export class CloudRelease implements Disposable {
  readonly #example: CloudExample;
  readonly #stores: ManagedStores;
  readonly #folder = mkdtempSync(join(tmpdir(), 'holdfast-example-'));
  readonly #apiKey = randomBytes(24).toString('hex');
  readonly #upgrade: readonly string[];
  readonly #loadBalancer: ChildProcess | null = null;
  readonly namespace: string;
  readonly api: ApiServer;

  constructor(
    example: CloudExample,
    stores: ManagedStores,
    { tag, provider }: { tag: string; provider: Provider | null },
  ) {
    this.#example = example;
    this.#stores = stores;
    this.namespace = `holdfast-${example.name}`;
    this.#deleteNamespace();
    makeNamespace(this.namespace);
    this.#configMap(example.caMap, stores.ca);
    this.#configMap(OTHER_CA, stores.otherCa);
    const values = join(this.#folder, 'values.json');
    writeFileSync(values, JSON.stringify(this.#changes(tag)));
    const files = [join(CHART, 'values-production.yaml'), valuesFile(example), values];
    const wait = ['--wait', '--timeout', '5m'];
    const named = ['upgrade', '--install', RELEASE, CHART, '--namespace', this.namespace];
    this.#upgrade = [...named, ...wait, ...files.flatMap((file) => ['--values', file])];
    if (provider?.kind === 'own') this.#loadBalancer = giveAddress(this.namespace);
    this.api = new ApiServer(this.namespace);
  }

  /**
   * Everything that has to differ from the example, because this cluster has another network, smaller nodes, and
   * perhaps no custom resource definitions of Prometheus.
   */
  #changes(tag: string): object {
    const podIp = (name: 'redis' | 'mysql'): string => this.#stores.pod(name).status.podIP ?? '';
    const has = (name: string): boolean => kubectl(['get', 'crd', name, '--ignore-not-found', '--output=name']) !== '';
    // The nodes of a small cluster have no room for another pod of a whole CPU during a rolling update.
    const resources = { requests: { cpu: '250m' } };
    return {
      image: { tag },
      api: { resources },
      keeper: { resources },
      networkPolicy: networkPolicyOf({ redis: podIp('redis'), mysql: podIp('mysql') }),
      monitoring: {
        serviceMonitor: has('servicemonitors.monitoring.coreos.com'),
        prometheusRule: has('prometheusrules.monitoring.coreos.com'),
      },
    };
  }

  /** Applies external-secrets.yaml, and waits until the operator has written these hosts into the Secret. */
  async synchronize(hosts: Hosts): Promise<void> {
    const objects = externalSecrets(this.#example, this.#stores, { apiKey: this.#apiKey, hosts });
    const list = { apiVersion: 'v1', kind: 'List', items: objects };
    kubectl(['--namespace', this.namespace, 'apply', '-f', '-'], JSON.stringify(list));
    const { redis, mysql } = this.#stores;
    await untilTrue('the Secret is synchronized', SYNCHRONIZED_MS_MAX, () => {
      const secret = this.api.get<{ data?: Record<string, string> }>('secret', RELEASE);
      const url = (name: string) => new URL(Buffer.from(secret?.data?.[name] ?? '', 'base64').toString() || 'none:');
      const [redisUrl, mysqlUrl] = [url('REDIS_URL'), url('MYSQL_URL')];
      return (
        redisUrl.hostname === hosts.redis &&
        mysqlUrl.hostname === hosts.mysql &&
        decodeURIComponent(redisUrl.password) === redis.password &&
        decodeURIComponent(mysqlUrl.password) === mysql.password
      );
    });
    this.api.kubectl('wait', '--for=condition=Ready', `externalsecret/${RELEASE}`, '--timeout=60s');
  }

  upgrade(...settings: readonly string[]): void {
    helm([...this.#upgrade, ...settings.flatMap((setting) => ['--set-string', setting])]);
  }

  test(): string {
    return helm(['test', RELEASE, '--namespace', this.namespace, '--logs']);
  }

  find() {
    return findRelease(this.api, undefined);
  }

  /**
   * Upgrades with settings that must make the migration fail. @returns its log. @throws Error if the upgrade succeeds
   */
  migrationRefused(...settings: readonly string[]): string {
    try {
      this.upgrade(...settings);
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      return this.api.kubectl('logs', `job/${RELEASE}-migration`, '--tail=10');
    }
    throw new Error('the upgrade should have failed');
  }

  restartKeepers(): void {
    this.api.kubectl('rollout', 'restart', 'deployment/holdfast-keeper');
    this.api.kubectl('rollout', 'status', 'deployment/holdfast-keeper', '--timeout=3m');
  }

  /** @returns the first line of a keeper's log that matches */
  async keeperLine(pattern: RegExp): Promise<string> {
    let line: string | undefined;
    await untilTrue(
      `a keeper logs ${pattern}`,
      LOG_MS_MAX,
      () => {
        const log = this.api.kubectl('logs', '--selector', 'app.kubernetes.io/component=keeper', '--tail=-1');
        line = log.split('\n').find((one) => pattern.test(one));
        return line !== undefined;
      },
      1000,
    );
    return line ?? '';
  }

  #configMap(name: string, certificate: string): void {
    const map = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, data: { 'ca.crt': certificate } };
    kubectl(['--namespace', this.namespace, 'apply', '-f', '-'], JSON.stringify(map));
  }

  #deleteNamespace(): void {
    kubectl(['delete', 'namespace', this.namespace, '--ignore-not-found', '--timeout=4m']);
  }

  [Symbol.dispose](): void {
    this.api[Symbol.dispose]();
    const { pid, exitCode } = this.#loadBalancer ?? {};
    if (pid !== undefined && exitCode === null) process.kill(-pid);
    this.#deleteNamespace();
    rmSync(this.#folder, { recursive: true });
  }
}

/**
 * Does what the controller of a load balancer would do, because `helm --wait` waits for that. Runs in a separate
 * process, because Helm blocks this one.
 */
function giveAddress(namespace: string): ChildProcess {
  const status = JSON.stringify({ status: { loadBalancer: { ingress: [{ ip: '192.0.2.1' }] } } });
  const inNamespace = `'${kubectlProgram()}' --namespace ${namespace}`;
  const script = `${inNamespace} wait --for=create service/${RELEASE} --timeout=10m &&
    ${inNamespace} patch service ${RELEASE} --subresource=status --type=merge --patch '${status}'`;
  const child = spawn('sh', ['-c', script], { stdio: 'ignore', env: clusterEnv(), detached: true });
  child.unref();
  return child;
}
