/** Checks that Node.js is new enough. It imports nothing, so that an old version can run it and print a message. */

const OLDEST = [20, 19];

/** Ends the process with a message if Node.js is too old. */
export function requireNodeVersion() {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  const [oldestMajor = 0, oldestMinor = 0] = OLDEST;
  if (major > oldestMajor || (major === oldestMajor && minor >= oldestMinor)) return;
  console.error(
    `This is Node.js ${process.versions.node}; Holdfast needs ${OLDEST.join('.')} or newer. Install one (nodejs.org), and start again.`,
  );
  process.exit(1);
}
