package store_test
import ("os";"strings";"strconv")
func cpu() float64 { b,_:=os.ReadFile("/tmp/c2/eng/pid"); d,_:=os.ReadFile("/proc/"+strings.TrimSpace(string(b))+"/stat"); f:=strings.Fields(string(d)[strings.LastIndex(string(d),")")+2:]); u,_:=strconv.ParseFloat(f[11],64); v,_:=strconv.ParseFloat(f[12],64); return (u+v)/100 }
