// Package listener refuses new connections to a server from outside of its
// process, which goes on with those that it has and does not notice.
package listener
