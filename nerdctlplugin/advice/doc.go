// Package advice is what commands tell about errors beside the errors themselves: what to
// do about one that ends the command, and a warning about one that does not.
package advice
