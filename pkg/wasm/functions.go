package wasm

import (
	"slices"
	"strings"
)

// maxInstances is the most component instances and nested components that are
// kept track of in one file; engines allow a tenth of it.
const maxInstances = 10_000

// FunctionsNamed returns the exported functions with this name, as listed in
// Functions: those that an engine finds which is told to call the name. That of
// an instance is called by its own name. It reports whether these are all;
// otherwise a name that is not found may exist.
func (i *Info) FunctionsNamed(name string) (found []string, all bool) {
	for _, f := range i.Functions {
		if i.ownName(f) == name {
			found = append(found, f)
		}
	}
	return found, !i.hidden
}

// ownName is what a function in Functions is called by.
func (i *Info) ownName(function string) string {
	if i.Kind == KindComponent {
		return function[strings.LastIndex(function, "#")+1:]
	}
	return function
}

// ExampleFunction returns the name of an exported function that a person might
// want to call, empty when none is known: one that FunctionsNamed finds alone,
// that is no method, and whose name does not begin as those that compilers add.
func (i *Info) ExampleFunction() string {
	count := make(map[string]int)
	for _, f := range i.Functions {
		count[i.ownName(f)]++
	}
	for _, f := range i.Functions {
		if own := i.ownName(f); own != "" && !strings.ContainsRune("_[", rune(own[0])) && count[own] == 1 {
			return own
		}
	}
	return ""
}

// shape is what can be called in a component's instance, and what is known of
// a component: its instances have the shape of its exports.
type shape struct {
	functions []string
	instances []exportedInstance
	// index finds the instances by their names, once somebody has looked for one.
	index map[string]*shape
	// hidden says that there may be more: its type is not read.
	hidden bool
}

type exportedInstance struct {
	name string
	*shape
}

// unknown is the shape of what is imported, or defined by forms that this
// package does not read.
var unknown = &shape{hidden: true}

// instance finds an instance by a map: there may be many that look for one of many.
func (s *shape) instance(name string) *shape {
	if s.index == nil && len(s.instances) > 0 {
		s.index = make(map[string]*shape, len(s.instances))
		for _, i := range s.instances {
			s.index[i.name] = i.shape
		}
	}
	if found, ok := s.index[name]; ok {
		return found
	}
	return unknown
}

// scope are the index spaces of the component that is being read.
type scope struct {
	parent                *scope
	instances, components []*shape
	// lost says that an unknown form came, or too many of them, after which
	// indices are not known.
	lost bool
}

func (s *scope) lookUp(sort byte, index uint32) *shape {
	space := s.instances
	if sort == sortComponent {
		space = s.components
	}
	if s.lost || int64(index) >= int64(len(space)) {
		return unknown
	}
	return space[index]
}

// define adds to the index space of a sort, if it is one to keep track of.
func (w *walker) define(s *scope, sort byte, of *shape) {
	if sort != sortInstance && sort != sortComponent {
		return
	}
	if w.defined++; w.defined > maxInstances {
		s.lost = true
		return
	}
	if sort == sortInstance {
		s.instances = append(s.instances, of)
	} else {
		s.components = append(s.components, of)
	}
}

// export adds an export to the shape of a component or instance.
func (s *shape) export(name string, sort byte, of *shape) {
	switch sort {
	case sortFunction:
		s.functions = append(s.functions, name)
	case sortInstance:
		s.instances = append(s.instances, exportedInstance{name, of})
	}
}

// instances reads definitions of component instances.
func (w *walker) instances(r *reader, in *scope) {
	for range countOf(r, r.end) {
		switch r.byte() {
		case 0x00: // of a component, with arguments
			of := in.lookUp(sortComponent, r.uint())
			for range countOf(r, r.end) {
				r.name()
				r.sort()
				r.uint()
			}
			w.define(in, sortInstance, of)
		case 0x01: // of what is at hand
			of := &shape{}
			for range countOf(r, r.end) {
				name := w.externName(r, maxDepth)
				w.count(r, name)
				sort := r.sort()
				of.export(name, sort, in.lookUp(sort, r.uint()))
			}
			w.define(in, sortInstance, of)
		default:
			in.lost = true
			return
		}
	}
}

// aliases reads definitions by names of instances and by indices of enclosing
// components.
func (w *walker) aliases(r *reader, in *scope) {
	for range countOf(r, r.end) {
		sort := r.sort()
		of := unknown
		switch r.byte() {
		case 0x00: // an export of an instance
			instance := in.lookUp(sortInstance, r.uint())
			if name := r.name(); sort == sortInstance {
				of = instance.instance(name)
			}
		case 0x01: // an export of a core instance
			r.uint()
			r.name()
		case 0x02: // of an enclosing component
			outer := in
			for depth := r.uint(); depth > 0 && outer != nil; depth-- {
				outer = outer.parent
			}
			if index := r.uint(); outer != nil && sort == sortComponent {
				of = outer.lookUp(sort, index)
			}
		default:
			in.lost = true
			return
		}
		w.define(in, sort, of)
	}
}

// list names all functions, those of an exported instance after its name and
// "#". It reports whether some are hidden: because their types are not read, or
// because there are too many, as an instance may be exported many times over.
func (s *shape) list() (functions []string, hidden bool) {
	const overhead = 32 // of a string in a list, however short it is
	budget := maxNameBytes
	afford := func(prefix, name string) bool {
		budget -= len(prefix) + len(name) + overhead
		hidden = hidden || budget < 0
		return budget >= 0
	}
	var visit func(s *shape, prefix string, depth int)
	visit = func(s *shape, prefix string, depth int) {
		hidden = hidden || s.hidden || depth > maxDepth
		for _, name := range s.functions {
			if !afford(prefix, name) {
				return
			}
			functions = append(functions, prefix+name)
		}
		for _, i := range s.instances {
			if depth > maxDepth || !afford(prefix, i.name) {
				return
			}
			visit(i.shape, prefix+i.name+"#", depth+1)
		}
	}
	visit(s, "", 0)
	slices.Sort(functions)
	return slices.Compact(functions), hidden
}
