// Package testing stands in for Go's own among the tests of a program: it counts, and tells what failed.
package testing

import (
	"fmt"
	"sparkgap"
	"strings"
)

type failed struct{}

// T is one test.
type T struct {
	name string
	bad  bool
	logs []string
}

// B and M are there for the names' sake.
type B struct{ T }
type M struct{}
type TB interface {
	Error(args ...interface{})
	Errorf(format string, args ...interface{})
	Fatal(args ...interface{})
	Fatalf(format string, args ...interface{})
	Log(args ...interface{})
	Logf(format string, args ...interface{})
	Fail()
	FailNow()
	Failed() bool
	Helper()
	Name() string
}

func (t *T) Log(args ...interface{})                 { t.logs = append(t.logs, fmt.Sprintln(args...)) }
func (t *T) Logf(format string, args ...interface{}) { t.logs = append(t.logs, fmt.Sprintf(format, args...)) }
func (t *T) Fail() {
	t.bad = true
	sparkgap.Miss(strings.TrimSpace(t.name+": "+strings.Join(t.logs, "\n")), "", "")
	t.logs = nil
}
func (t *T) Broken()                                   { t.bad = true }
func (t *T) FailNow()                                  { t.Fail(); panic(failed{}) }
func (t *T) Error(args ...interface{})                 { t.Log(args...); t.Fail() }
func (t *T) Errorf(format string, args ...interface{}) { t.Logf(format, args...); t.Fail() }
func (t *T) Fatal(args ...interface{})                 { t.Log(args...); t.FailNow() }
func (t *T) Fatalf(format string, args ...interface{}) { t.Logf(format, args...); t.FailNow() }
func (t *T) Skip(args ...interface{})                  { panic(failed{}) }
func (t *T) SkipNow()                                  { panic(failed{}) }
func (t *T) Failed() bool                              { return t.bad }
func (t *T) Helper()                                   {}
func (t *T) Parallel()                                 {}
func (t *T) Name() string                              { return t.name }
func (t *T) Cleanup(f func())                          {}

// Run runs a test within this one.
func (t *T) Run(name string, f func(t *T)) bool {
	inner := &T{name: t.name + "/" + name}
	before := sparkgap.Run.Passed + sparkgap.Run.Missed
	func() {
		defer func() {
			if fault := recover(); fault != nil {
				if _, own := fault.(failed); !own {
					panic(fault)
				}
			}
		}()
		f(inner)
	}()
	if !inner.bad && sparkgap.Run.Passed+sparkgap.Run.Missed == before { // else what it asserted was counted
		sparkgap.Run.Passed++
	}
	t.bad = t.bad || inner.bad
	return !inner.bad
}

// Test is one function of the tests'.
type Test struct {
	Name string
	F    func(*T)
}

// Main runs tests one after the other and reports.
func Main(all bool, tests ...Test) {
	sparkgap.Run.All = all
	defer func() { sparkgap.Panicked(recover()) }()
	for _, test := range tests {
		new(T).Run(test.Name, test.F)
	}
	sparkgap.Finish()
}
