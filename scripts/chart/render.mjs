import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';
import { ROOT, runTool } from '../../devstack/install/go-tools.mjs';

export const CHART = join(ROOT, 'charts', 'holdfast');
/** Helm built as a library defaults to a very old Kubernetes version. */
export const KUBERNETES = '1.37.0';

/** @typedef {Record<string, any>} Manifest */

/** Values that are needed in addition to a values file, because secrets do not belong in one. */
export const SECRETS = {
  default: { redisUrl: 'redis://redis:6379', mysqlUrl: 'mysql://user:password@mysql:3306/holdfast' },
  dev: { development: { redis: { password: 'abcdefgh12345678' }, mysql: { password: 'abcdefgh12345678' } } },
  staging: {},
  production: {},
};

/**
 * The example values for external stores and for scaling, each with the list of values files to use, in order.
 * @type {Readonly<Record<string, readonly string[]>>}
 */
export const EXAMPLES = {
  'AWS, External Secrets': ['values-production.yaml', 'examples/aws/values.yaml'],
  'AWS, CSI driver': ['values-production.yaml', 'examples/aws/values.yaml', 'examples/aws/values-csi.yaml'],
  'Alibaba Cloud': ['values-production.yaml', 'examples/alibaba/values.yaml'],
  'three servers, three shards': ['values-production.yaml', 'examples/shards/values-three-servers.yaml'],
  'Redis Cluster, six shards': ['values-production.yaml', 'examples/shards/values-cluster.yaml'],
  'Sentinels, two shards': ['values-production.yaml', 'examples/shards/values-sentinel.yaml'],
  'prometheus-adapter': ['examples/autoscaling/values-adapter.yaml'],
  KEDA: ['examples/autoscaling/values-keda.yaml'],
};

/**
 * Renders the chart with values, as YAML.
 * @param {object} values
 * @param {{ files?: readonly string[], release?: string, chart?: string, kubernetes?: string | null }} [options] files
 * of the chart's folder, applied before the values; `kubernetes: null`: the version that Helm assumes
 * @returns {string}
 * @throws with Helm's message
 */
export function renderText(values, options = {}) {
  const { files = [], release = 'holdfast', chart = CHART, kubernetes = KUBERNETES } = options;
  const fileArgs = files.flatMap((file) => ['--values', join(chart, file)]);
  const versionArgs = kubernetes === null ? [] : ['--kube-version', kubernetes];
  const args = ['template', release, chart, '--namespace', 'bank', ...versionArgs, ...fileArgs, '--values', '-'];
  const { ok, stdout, stderr } = runTool('helm', args, { input: JSON.stringify(values) });
  if (!ok) throw new Error(stderr.trim());
  return stdout;
}

/**
 * @param {string} text
 * @returns {Manifest[]} the objects in it
 */
export function manifestsOf(text) {
  return parseAllDocuments(text)
    .map((document) => document.toJS())
    .filter((manifest) => manifest !== null);
}

/**
 * Renders the chart with values, as objects by `Kind/name`.
 * @param {object} values
 * @param {Parameters<typeof renderText>[1]} [options]
 * @returns {Map<string, Manifest>}
 */
export function render(values, options) {
  return new Map(
    manifestsOf(renderText(values, options)).map((manifest) => [
      `${manifest.kind}/${manifest.metadata.name}`,
      manifest,
    ]),
  );
}
