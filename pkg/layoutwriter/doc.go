// Package layoutwriter writes artifacts as OCI image layouts. It decides every byte
// of one: the order of files, owners, times, compression.
//
// It is apart from package artifact, which reads them, because the shim does nothing
// but read, and the compressors are a good part of what is initialized before it.
package layoutwriter
