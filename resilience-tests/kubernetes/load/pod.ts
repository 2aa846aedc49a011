import type { ApiServer } from '../cluster/api-server.ts';
import type { Release } from '../cluster/release.ts';
import { untilTrue } from '../cluster/wait.ts';
import { k6Script, recorderScript } from './bundle.ts';
import type { Line } from './lines.ts';
import { CONTROL_FILE, type Control, DONE_FILE, type Done, LINES_FILE, OPENED_FILE, RESULTS } from './settings.ts';

/** The pod that generates the load, and the files in it. */

const OPENED_MS_MAX = 240_000;
const DONE_MS_MAX = 600_000;
const NAME = 'holdfast-load';

export interface LoadOptions {
  /** Prefix of the accounts of this run. */
  prefix: string;
  /** The image of k6 as the generator; null: the recorder generates the load itself. */
  k6Image: string | null;
  /** Nodes on which the pod must not run. */
  notOn: readonly string[];
}

export class LoadPod {
  readonly #api: ApiServer;

  private constructor(api: ApiServer) {
    this.#api = api;
  }

  /** Returns when the accounts are open. */
  static async start(api: ApiServer, release: Release, options: LoadOptions): Promise<LoadPod> {
    const load = new LoadPod(api);
    load.remove();
    const scripts = { 'recorder.mjs': await recorderScript(), ...(options.k6Image && { 'k6.js': await k6Script() }) };
    const map = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: NAME }, data: scripts };
    api.apply([map, podOf(release, options)]);
    await untilTrue('the load pod opens its accounts', OPENED_MS_MAX, () => load.#has(OPENED_FILE), 1000);
    return load;
  }

  set(control: Control): void {
    // Written to another file and renamed, so that the recorder reads either the old or the new content, never a part.
    const part = `${CONTROL_FILE}.part`;
    const write = `fs.writeFileSync('${part}', '${JSON.stringify(control)}'); fs.renameSync('${part}', '${CONTROL_FILE}')`;
    this.#node(`const fs = require('fs'); ${write}`);
  }

  /** Stops the load, and waits until every outcome is known and everything is in MySQL. */
  async finish(): Promise<{ done: Done; lines: Line[] }> {
    this.set({ rate: 0, stop: true });
    await untilTrue('the load pod finishes', DONE_MS_MAX, () => this.#has(DONE_FILE), 1000);
    const done: Done = JSON.parse(this.#read(DONE_FILE));
    if (done.error !== undefined) throw new Error(`the load pod failed: ${done.error}`);
    const text = this.#read(LINES_FILE);
    const lines = text.split('\n').filter((line) => line !== '');
    return { done, lines: lines.map((line): Line => JSON.parse(line)) };
  }

  remove(): void {
    this.#api.kubectl('delete', 'pod', NAME, '--ignore-not-found', '--grace-period=1');
    this.#api.kubectl('delete', 'configmap', NAME, '--ignore-not-found');
  }

  #has(file: string): boolean {
    const { phase } = this.#api.get<{ status: { phase: string } }>('pod', NAME)?.status ?? { phase: 'gone' };
    if (phase === 'Pending') return false;
    if (phase !== 'Running') throw new Error(`the load pod is ${phase}: ${this.#log()}`);
    return this.#node(`process.stdout.write(String(require('fs').existsSync('${file}')))`) === 'true';
  }

  #log(): string {
    return this.#api.kubectl('logs', NAME, '--all-containers', '--tail=20');
  }

  #read(file: string): string {
    return this.#node(`process.stdout.write(require('fs').readFileSync('${file}'))`);
  }

  /** The image has Node.js, but no shell. */
  #node(script: string): string {
    try {
      return this.#api.kubectl('exec', NAME, '--container=recorder', '--', 'node', '--eval', script);
    } catch (error) {
      throw new Error(`the load pod does not respond: ${this.#log()}`, { cause: error });
    }
  }
}

const SECURITY = {
  allowPrivilegeEscalation: false,
  readOnlyRootFilesystem: true,
  runAsNonRoot: true,
  capabilities: { drop: ['ALL'] },
};
const MOUNTS = [
  { name: 'scripts', mountPath: '/scripts', readOnly: true },
  { name: 'results', mountPath: RESULTS },
];

function podOf({ name, image, url, keySecret, testLabels }: Release, { prefix, k6Image, notOn }: LoadOptions): object {
  const generator = k6Image === null ? 'recorder' : 'k6';
  const env = [
    { name: 'URL', value: url },
    { name: 'PREFIX', value: prefix },
    { name: 'GENERATOR', value: generator },
    { name: 'KEY', valueFrom: { secretKeyRef: keySecret } },
  ];
  const common = { imagePullPolicy: 'IfNotPresent', env, securityContext: SECURITY, volumeMounts: MOUNTS };
  const resources = { requests: { cpu: '100m', memory: '256Mi' }, limits: { memory: '2Gi' } };
  const recorder = { name: 'recorder', image, command: ['node', '/scripts/recorder.mjs'], resources, ...common };
  const k6 = { name: 'k6', image: k6Image, args: ['run', '--quiet', '/scripts/k6.js'], resources, ...common };
  const elsewhere = { key: 'kubernetes.io/hostname', operator: 'NotIn', values: notOn };
  const affinity = {
    nodeAffinity: {
      requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [{ matchExpressions: [elsewhere] }] },
    },
  };
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    // The labels are those of the chart's test, which the network policy allows to call the API.
    metadata: { name: NAME, labels: { ...testLabels, 'holdfast/load-of': name } },
    spec: {
      restartPolicy: 'Never',
      activeDeadlineSeconds: 7200,
      automountServiceAccountToken: false,
      enableServiceLinks: false,
      terminationGracePeriodSeconds: 1,
      securityContext: {
        runAsUser: 10001,
        runAsGroup: 10001,
        fsGroup: 10001,
        seccompProfile: { type: 'RuntimeDefault' },
      },
      ...(notOn.length > 0 && { affinity }),
      containers: k6Image === null ? [recorder] : [recorder, k6],
      volumes: [
        { name: 'scripts', configMap: { name: NAME } },
        { name: 'results', emptyDir: { sizeLimit: '4Gi' } },
      ],
    },
  };
}
