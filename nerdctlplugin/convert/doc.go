// Package convert makes an artifact of one form into one of another, or into an image whose
// components are files, and back. The components stay the same bytes.
package convert
