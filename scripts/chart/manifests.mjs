/**
 * Generates the manifests of k8s/ from the chart, for installations without Helm: the base uses the chart's default values, and an overlay contains what a values
 * file changes. scripts/checks/chart.mjs compares them with the chart.
 *
 *   node scripts/chart/manifests.mjs --write
 */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { stringify } from 'yaml';
import { readWriteCommand } from '../../app/config/command-line.mjs';
import { ROOT } from '../../devstack/install/go-tools.mjs';
import { render } from './render.mjs';

/** @typedef {import('./render.mjs').Manifest} Manifest */

const NAMESPACE = 'holdfast';
const SECRET = { existingSecret: 'holdfast' };
export const OVERLAYS = ['dev', 'production'];
const HEAD = '# Generated from the chart by scripts/chart/manifests.mjs. Do not edit; change the chart.\n';

/** @type {Manifest} */
const namespace = {
  apiVersion: 'v1',
  kind: 'Namespace',
  metadata: { name: NAMESPACE, labels: { 'pod-security.kubernetes.io/enforce': 'restricted' } },
};

/**
 * Leaves out what only Helm needs: its hooks (kubectl has none), tests and labels.
 * @param {object} values
 * @param {readonly string[]} [files]
 * @returns {Map<string, Manifest>}
 */
export function plain(values, files = []) {
  /** @type {Map<string, Manifest>} */
  const kept = new Map([[`Namespace/${NAMESPACE}`, namespace]]);
  for (const manifest of render(values, { files }).values()) {
    const { metadata, spec } = manifest;
    if (metadata.annotations?.['helm.sh/hook'] === 'test' || metadata.labels['app.kubernetes.io/component'] === 'test')
      continue;
    // The chart adds the revision to the name of a migration that is not a hook.
    if (manifest.kind === 'Job') metadata.name = metadata.name.replace(/-1$/, '');
    metadata.namespace = NAMESPACE;
    for (const { labels, annotations } of [metadata, spec?.template?.metadata ?? {}]) {
      if (labels) delete labels['helm.sh/chart'];
      if (labels) labels['app.kubernetes.io/managed-by'] = 'kustomize';
      for (const key of Object.keys(annotations ?? {})) if (key.startsWith('helm.sh/')) delete annotations[key];
    }
    if (metadata.annotations && Object.keys(metadata.annotations).length === 0) delete metadata.annotations;
    kept.set(`${manifest.kind}/${metadata.name}`, manifest);
  }
  return kept;
}

export const basePlain = () => plain(SECRET);
/** @param {string} name */
export const overlayPlain = (name) => plain(SECRET, [`values-${name}.yaml`]);

/**
 * Returns the JSON patch operations (RFC 6902) that turn one value into the other.
 * @param {any} from
 * @param {any} to
 * @param {string} [path]
 * @returns {object[]}
 */
export function difference(from, to, path = '') {
  if (isDeepStrictEqual(from, to)) return [];
  const objects = [from, to].every((value) => value !== null && typeof value === 'object');
  if (!objects || Array.isArray(from) !== Array.isArray(to) || (Array.isArray(from) && from.length !== to.length))
    return [{ op: 'replace', path, value: to }];
  return [...new Set([...Object.keys(from), ...Object.keys(to)])].flatMap((key) => {
    const at = `${path}/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`;
    if (!(key in to)) return [{ op: 'remove', path: at }];
    if (!(key in from)) return [{ op: 'add', path: at, value: to[key] }];
    return difference(from[key], to[key], at);
  });
}

/** @param {string} key `Kind/name` */
const fileOf = (key) => `${key.replace('/', '-').toLowerCase()}.yaml`;
/** @param {unknown} value */
const yaml = (value) => HEAD + stringify(value, { lineWidth: 0 });

/** @returns {Map<string, string>} every generated file of k8s/, by its path in that folder */
export function manifestFiles() {
  /** @type {Map<string, string>} */
  const files = new Map();
  const base = basePlain();
  for (const [key, manifest] of base) files.set(join('base', fileOf(key)), yaml(manifest));
  files.set(
    join('base', 'kustomization.yaml'),
    yaml(kustomization({ resources: [...base.keys()].map(fileOf).sort() })),
  );
  for (const name of OVERLAYS) {
    const folder = join('overlays', name);
    const wanted = overlayPlain(name);
    const resources = ['../../base'];
    const patches = [];
    for (const [key, manifest] of wanted) {
      const original = base.get(key);
      if (!original) {
        files.set(join(folder, fileOf(key)), yaml(manifest));
        resources.push(fileOf(key));
        continue;
      }
      const operations = difference(original, manifest);
      if (operations.length === 0) continue;
      const [kind, target] = key.split('/');
      files.set(join(folder, 'patches', fileOf(key)), yaml(operations));
      patches.push({ path: `patches/${fileOf(key)}`, target: { kind, name: target } });
    }
    for (const [key, { apiVersion, kind, metadata }] of base) {
      if (wanted.has(key)) continue;
      const gone = { $patch: 'delete', apiVersion, kind, metadata: { name: metadata.name, namespace: NAMESPACE } };
      files.set(join(folder, 'patches', fileOf(key)), yaml(gone));
      patches.push({ path: `patches/${fileOf(key)}` });
    }
    files.set(join(folder, 'kustomization.yaml'), yaml(kustomization({ resources, patches })));
  }
  return files;
}

/** @param {object} rest */
const kustomization = (rest) => ({ apiVersion: 'kustomize.config.k8s.io/v1beta1', kind: 'Kustomization', ...rest });

if (process.argv[1] === import.meta.filename) {
  readWriteCommand('node scripts/chart/manifests.mjs', 'Generates k8s/ from the chart.');
  const folder = join(ROOT, 'k8s');
  for (const part of ['base', 'overlays']) rmSync(join(folder, part), { recursive: true, force: true });
  for (const [path, text] of manifestFiles()) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
}
