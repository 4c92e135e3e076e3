package queries_test
import ("testing";"time";"fmt";"os";"strings";"path/filepath";"strconv")
func cpu() float64 {
 fs,_:=filepath.Glob("/proc/[0-9]*/stat")
 var s float64
 for _,f:=range fs { b,err:=os.ReadFile(f); if err!=nil {continue}
  t:=string(b); i:=strings.LastIndex(t,")"); x:=strings.Fields(t[i+1:])
  if x[1]==strconv.Itoa(os.Getpid()) { u,_:=strconv.ParseFloat(x[11],64); k,_:=strconv.ParseFloat(x[12],64); s+=(u+k)/100 } }
 return s
}
func TestZZTime(t *testing.T){
 d:=open(t, backPain(5000))
 for range 2 {
 for _,by:=range []string{"none","region","sex"} {
 s:=time.Now(); c:=cpu()
 d.ask(t,"compare",true,"instrument","odi","interventions","core_therapy,surgery","by",by)
 fmt.Println("compare",by,time.Since(s),cpu()-c)
 }
 for _,by:=range []string{"provider","none","sex","region"} {
 s:=time.Now(); c:=cpu()
 d.ask(t,"outcomes",false,"by",by)
 fmt.Println("outcomes",by,time.Since(s),cpu()-c)
 }
 d.add(t,backPain(1))
 }
}
