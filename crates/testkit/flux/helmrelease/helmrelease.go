// Package helmrelease names the types of which controller-gen makes the CRD of a HelmRelease.
package helmrelease

import _ "github.com/fluxcd/helm-controller/api/v2"
