//go:build shared

package pushdown

import (
	"fmt"
	"math"
	"reflect"
	"slices"
	"testing"
)

// same holds every exported number, text and flag of two answers equal: numbers
// to tol, relative where they are large; 0 is to the bit.
func same(t *testing.T, rows, store any, tol float64) {
	t.Helper()
	if n := compare(t, "", reflect.ValueOf(rows), reflect.ValueOf(store), tol); n == 0 {
		t.Error("nothing was compared")
	}
}

// compare returns how many values it compared.
func compare(t *testing.T, path string, a, b reflect.Value, tol float64) (n int) {
	t.Helper()
	if a.IsValid() != b.IsValid() {
		t.Errorf("%s: %v of rows, %v of the store", path, a, b)
		return 1
	}
	if !a.IsValid() {
		return 0
	}
	switch a.Kind() {
	case reflect.Float64:
		close(t, path, a.Float(), b.Float(), tol)
		return 1
	case reflect.Pointer, reflect.Interface:
		if a.IsNil() || b.IsNil() {
			if a.IsNil() != b.IsNil() {
				t.Errorf("%s: missing in one", path)
			}
			return 0
		}
		return compare(t, path, a.Elem(), b.Elem(), tol)
	case reflect.Struct:
		for i := range a.NumField() {
			if f := a.Type().Field(i); f.IsExported() {
				n += compare(t, path+"."+f.Name, a.Field(i), b.Field(i), tol)
			}
		}
		return n
	case reflect.Slice, reflect.Array:
		if a.Len() != b.Len() {
			t.Errorf("%s: %d of rows, %d of the store", path, a.Len(), b.Len())
			return 1
		}
		for i := range a.Len() {
			n += compare(t, fmt.Sprintf("%s[%d]", path, i), a.Index(i), b.Index(i), tol)
		}
		return n
	case reflect.Map:
		keys := a.MapKeys()
		slices.SortFunc(keys, func(x, y reflect.Value) int { return cmpText(fmt.Sprint(x), fmt.Sprint(y)) })
		for _, k := range keys {
			n += compare(t, fmt.Sprintf("%s[%v]", path, k), a.MapIndex(k), b.MapIndex(k), tol)
		}
		if a.Len() != b.Len() {
			t.Errorf("%s: %d of rows, %d of the store", path, a.Len(), b.Len())
		}
		return n
	case reflect.Func, reflect.Chan:
		return 0
	}
	if !reflect.DeepEqual(a.Interface(), b.Interface()) {
		t.Errorf("%s: %v of rows, %v of the store", path, a, b)
	}
	return 1
}

func cmpText(a, b string) int {
	if a < b {
		return -1
	}
	return 1
}

func close(t *testing.T, path string, rows, store, tol float64) {
	t.Helper()
	if rows == store || math.IsNaN(rows) && math.IsNaN(store) {
		return
	}
	if !(math.Abs(rows-store) <= tol*math.Max(1, math.Abs(rows))) {
		t.Errorf("%s: %.17g of rows, %.17g of the store", path, rows, store)
	}
}
