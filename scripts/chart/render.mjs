import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';
import { ROOT, runTool } from '../../devstack/install/go-tools.mjs';

export const CHART = join(ROOT, 'charts', 'holdfast');
/** Helm built as a library defaults to a very old Kubernetes version. */
export const KUBERNETES = '1.37.0';

/** @typedef {Record<string, any>} Manifest */

/** What is needed in addition to a values file: secrets do not belong in one. */
export const SECRETS = {
  default: { redisUrl: 'redis://redis:6379', mysqlUrl: 'mysql://user:password@mysql:3306/holdfast' },
  dev: { development: { redis: { password: 'abcdefgh12345678' }, mysql: { password: 'abcdefgh12345678' } } },
  staging: {},
  production: {},
};

/**
 * The chart with values, as YAML.
 * @param {object} values
 * @param {{ files?: readonly string[], release?: string }} [options] files of the chart's folder, before the values
 * @returns {string}
 * @throws with Helm's message
 */
export function renderText(values, { files = [], release = 'holdfast' } = {}) {
  const fileArgs = files.flatMap((file) => ['--values', join(CHART, file)]);
  const args = [
    'template',
    release,
    CHART,
    '--namespace',
    'bank',
    '--kube-version',
    KUBERNETES,
    ...fileArgs,
    '--values',
    '-',
  ];
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
 * The chart with values, as objects by `Kind/name`.
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
