/**
 * Generates the JSON schemas of the kinds that the chart renders, for kubeconform, from their vendors' definitions.
 * Run it only for a newer Kubernetes version: the schemas are committed, so that the checks download nothing.
 *
 *   node scripts/chart/schemas.mjs        (needs Go, which downloads the vendors' modules)
 */
import { execFileSync } from 'node:child_process';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';

const FOLDER = join(import.meta.dirname, 'schemas');
const KUBERNETES = 'k8s.io/kubernetes@v1.37.0';
const BUILT_IN = [
  'api.apps.v1.Deployment',
  'api.apps.v1.StatefulSet',
  'api.autoscaling.v2.HorizontalPodAutoscaler',
  'api.batch.v1.Job',
  'api.core.v1.ConfigMap',
  'api.core.v1.Namespace',
  'api.core.v1.Pod',
  'api.core.v1.Secret',
  'api.core.v1.Service',
  'api.core.v1.ServiceAccount',
  'api.networking.v1.Ingress',
  'api.networking.v1.NetworkPolicy',
  'api.policy.v1.PodDisruptionBudget',
];
/** For each custom resource: the module, the file of its definition, and the version. */
const CUSTOM = [
  [
    'github.com/prometheus-operator/prometheus-operator@v0.85.0',
    'example/prometheus-operator-crd/monitoring.coreos.com_servicemonitors.yaml',
    'v1',
  ],
  [
    'github.com/prometheus-operator/prometheus-operator@v0.85.0',
    'example/prometheus-operator-crd/monitoring.coreos.com_prometheusrules.yaml',
    'v1',
  ],
  ['github.com/kedacore/keda/v2@v2.21.0', 'config/crd/bases/keda.sh_scaledobjects.yaml', 'v1alpha1'],
  [
    'github.com/external-secrets/external-secrets@v1.3.2',
    'config/crds/bases/external-secrets.io_externalsecrets.yaml',
    'v1',
  ],
  [
    'github.com/external-secrets/external-secrets@v1.3.2',
    'config/crds/bases/external-secrets.io_secretstores.yaml',
    'v1',
  ],
  [
    'sigs.k8s.io/secrets-store-csi-driver@v1.5.3',
    'config/crd/bases/secrets-store.csi.x-k8s.io_secretproviderclasses.yaml',
    'v1',
  ],
  ['sigs.k8s.io/gateway-api@v1.6.0', 'config/crd/standard/gateway.networking.k8s.io_httproutes.yaml', 'v1'],
];

/** @param {string} name a module with its version @returns {string} its folder */
function moduleFolder(name) {
  const answer = execFileSync('go', ['mod', 'download', '-json', name], {
    encoding: 'utf8',
    env: { ...process.env, GOFLAGS: '-mod=mod' },
  });
  return JSON.parse(answer).Dir;
}

/**
 * A schema as kubeconform needs it: it rejects unknown fields, omits descriptions, and allows numbers where Kubernetes
 * accepts them.
 * @param {any} schema
 * @param {Set<string>} used definitions that it refers to are added
 * @returns {any}
 */
function strict(schema, used) {
  if (Array.isArray(schema)) return schema.map((part) => strict(part, used));
  if (schema === null || typeof schema !== 'object') return schema;
  if (typeof schema.$ref === 'string') {
    const name = schema.$ref.replace('#/definitions/', '');
    used.add(name);
    return { $ref: `definitions.json#/definitions/${name}` };
  }
  if (schema.format === 'int-or-string' || schema['x-kubernetes-int-or-string']) return { type: ['string', 'integer'] };
  /** @type {Record<string, any>} */
  const kept = {};
  for (const [key, value] of Object.entries(schema)) {
    if (key === 'description' || key === 'default' || key === 'example' || key.startsWith('x-kubernetes-')) continue;
    if (key === 'format') continue;
    if (key === 'properties')
      kept[key] = Object.fromEntries(Object.entries(value).map(([name, part]) => [name, strict(part, used)]));
    else kept[key] = strict(value, used);
  }
  const open = kept.additionalProperties !== undefined || schema['x-kubernetes-preserve-unknown-fields'];
  if (kept.properties && !open) kept.additionalProperties = false;
  return kept;
}

/** @param {string} name @param {unknown} content */
function write(name, content) {
  writeFileSync(join(FOLDER, name), `${JSON.stringify(content)}\n`);
}

function builtIn() {
  const file = join(moduleFolder(KUBERNETES), 'api', 'openapi-spec', 'swagger.json');
  const { definitions } = JSON.parse(readFileSync(file, 'utf8'));
  // The definition declares a quantity as a string, but YAML may also contain a whole quantity as a number.
  definitions['io.k8s.apimachinery.pkg.api.resource.Quantity'] = { type: ['string', 'number'] };
  const used = new Set();
  for (const short of BUILT_IN) {
    const name = `io.k8s.${short}`;
    const definition = definitions[name];
    const { group, version, kind } = definition['x-kubernetes-group-version-kind'][0];
    const schema = strict(definition, used);
    schema.required = [...new Set([...(schema.required ?? []), 'apiVersion', 'kind', 'metadata'])];
    const place = group === '' ? version : `${group.split('.')[0]}-${version}`;
    write(`${kind.toLowerCase()}-${place}.json`, schema);
  }
  /** @type {Record<string, unknown>} */
  const kept = {};
  for (const name of used) {
    const own = new Set();
    kept[name] = strict(definitions[name], own);
    for (const other of own) used.add(other);
  }
  // All references are made relative to this one file.
  write('definitions.json', JSON.parse(JSON.stringify({ definitions: kept }).replaceAll('definitions.json#', '#')));
}

function custom() {
  for (const [name = '', path = '', version] of CUSTOM) {
    const { spec } = parse(readFileSync(join(moduleFolder(name), path), 'utf8'));
    const { schema } = spec.versions.find((/** @type {any} */ candidate) => candidate.name === version);
    write(`${spec.names.kind.toLowerCase()}-${spec.group.split('.')[0]}-${version}.json`, {
      ...strict(schema.openAPIV3Schema, new Set()),
      additionalProperties: true,
    });
  }
}

rmSync(join(FOLDER, 'definitions.json'), { force: true });
builtIn();
custom();
