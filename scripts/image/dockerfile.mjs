/**
 * Parses a Dockerfile and a .dockerignore, limited to the syntax that ours use: anything else is rejected, not skipped.
 */

const KNOWN = ['ARG', 'FROM', 'WORKDIR', 'COPY', 'RUN', 'ENV', 'USER', 'EXPOSE', 'ENTRYPOINT', 'CMD', 'LABEL'];

/** @typedef {{ name: string, rest: string }} Instruction */
/** @typedef {{ name: string, from: string, instructions: Instruction[] }} Stage */

/**
 * @param {string} text
 * @returns {{ stages: Stage[], defaults: Record<string, string> }} with the defaults of the ARGs before the first stage
 */
export function parseDockerfile(text) {
  const lines = text
    .replace(/^\s*#.*\n/gm, '')
    .replace(/\\\n\s*/g, '')
    .split('\n')
    .filter((line) => line.trim() !== '');
  /** @type {Stage[]} */
  const stages = [];
  /** @type {Record<string, string>} */
  const defaults = {};
  for (const line of lines) {
    const [, name = '', rest = ''] = /^(\w+)\s+(.*)$/.exec(line) ?? [];
    if (!KNOWN.includes(name))
      throw new Error(`The Dockerfile has an instruction that this check does not support: ${line}`);
    const stage = stages.at(-1);
    if (name === 'FROM') {
      const [from = '', , as = ''] = rest.split(/\s+/);
      stages.push({ name: as, from, instructions: [] });
    } else if (stage === undefined) {
      const [key = '', value = ''] = rest.split('=');
      defaults[key] = value;
    } else {
      stage.instructions.push({ name, rest });
    }
  }
  return { stages, defaults };
}

/**
 * @param {string} text of a .dockerignore
 * @returns {(path: string) => boolean} whether a path, relative to the context, is ignored; the last matching rule
 * decides
 */
export function parseIgnore(text) {
  const rules = text
    .split('\n')
    .filter((line) => line.trim() !== '' && !line.startsWith('#'))
    .map((line) => {
      const keeps = line.startsWith('!');
      const pattern = (keeps ? line.slice(1) : line)
        .replace(/[.+^$(){}|[\]\\]/g, '\\$&')
        .replace(/\*\*\/|\*/g, (stars) => (stars === '*' ? '[^/]*' : '(?:.*/)?'));
      return { keeps, pattern: new RegExp(`^${pattern}(?:/|$)`) };
    });
  return (path) => !(rules.findLast(({ pattern }) => pattern.test(path))?.keeps ?? true);
}

/**
 * The last value in the stage, for instructions of which only the last one counts.
 * @param {Stage} stage
 * @param {string} name
 */
export function lastOf(stage, name) {
  return stage.instructions.findLast((instruction) => instruction.name === name)?.rest;
}
