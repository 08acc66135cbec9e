#!/bin/sh
# Runs the program of the image that it is called by the name of, as the kubelet does: with a root directory of its own that has nothing in
# it but the image, and the files that a variable names, which a pod would have mounted. Every start gets a fresh one.
#
# With IRSA_ANYWHERE_IMAGE_ROOTS the certificate authorities of the image are that file instead, and nobody else is trusted.
set -eu
umask 022
here=$(CDPATH= cd -- "$(dirname -- "$(readlink -f -- "$0")")" && pwd)
root=$(mktemp -d "$IRSA_ANYWHERE_IMAGE/root.XXXXXX")
cp -a "$IRSA_ANYWHERE_IMAGE/bundle/rootfs/." "$root/"
if [ -n "${IRSA_ANYWHERE_IMAGE_ROOTS:-}" ]; then
  cat -- "$IRSA_ANYWHERE_IMAGE_ROOTS" > "$root/etc/ssl/certs/ca-certificates.crt"
  unset AWS_CA_BUNDLE
fi
# Never over a file of the image: a variable of this machine may name its own authorities by the path that the image has them at.
for file in "${KUBECONFIG:-}" "${AWS_CA_BUNDLE:-}" "${AWS_WEB_IDENTITY_TOKEN_FILE:-}"; do
  if [ -f "$file" ] && [ ! -e "$root$file" ]; then
    mkdir -p "$root$(dirname -- "$file")"
    cp -- "$file" "$root$file"
    chmod a+r "$root$file"
  fi
done
chmod 755 "$root"
# What says where certificates are on this machine is not said in a pod.
unset SSL_CERT_FILE SSL_CERT_DIR
program=$(basename -- "$0")
exec "$here/enter.sh" "$root" "/$program" "$@"
