# Generalised linear models of R's own data sets by stats, sandwich, clubSandwich,
# brglm2, MASS and nnet: Rscript glm.R > ../glm.golden.json
suppressPackageStartupMessages({library(sandwich); library(clubSandwich); library(MASS); library(nnet); library(brglm2)})
num <- function(v) sprintf("%.17g", v); lst <- function(v) paste0("[", paste(num(unname(v)), collapse = ","), "]")
str <- function(v) paste0("[", paste0("\"", v, "\"", collapse = ","), "]"); tab <- function(m) paste0("[", paste(apply(m, 1, lst), collapse = ","), "]")
ctl <- list(epsilon = 1e-15, maxit = 200); sd_ <- function(V) sqrt(diag(as.matrix(V)))
again <- function(m) glm(formula(m), family(m), d, control = ctl, start = coef(m))  # the covariance at the estimate itself
d <- infert; d$spont <- d$spontaneous; fm <- case ~ age + parity + education + spont
b <- again(glm(fm, binomial, d, control = ctl)); cl <- d$stratum %% 9
fi <- glm(fm, binomial, d, method = brglmFit, type = "AS_mean", epsilon = 1e-13)
w <- ifelse(d$age > 30, 2.5, .5); bw <- suppressWarnings(glm(fm, binomial, d, weights = w, control = ctl))
rr <- again(glm(update(fm, . ~ . - education), poisson, d, control = ctl))
infertj <- paste0("{\"case\":", lst(d$case), ",\"age\":", lst(d$age), ",\"parity\":", lst(d$parity), ",\"spont\":", lst(d$spont), ",\"education\":", str(d$education), ",\"cluster\":", lst(cl), "}")
logi <- paste0("{\"coef\":", lst(coef(b)), ",\"se\":", lst(sd_(vcov(b))), ",\"hc0\":", lst(sd_(vcovHC(b, "HC0"))), ",\"deviance\":", num(deviance(b)), ",\"null\":", num(b$null.deviance),
  ",\"cr0\":", lst(sd_(vcovCR(b, cl, "CR0"))), ",\"cr2\":", lst(sd_(vcovCR(b, cl, "CR2"))), ",\"firth\":", lst(coef(fi)), ",\"firth_se\":", lst(sd_(vcov(fi))), ",\"weighted\":", lst(coef(bw)),
  ",\"profile\":", tab(suppressMessages(confint(b))), ",\"rr\":", lst(coef(rr)), ",\"rr_hc0\":", lst(sd_(vcovHC(rr, "HC0"))), "}")
d <- quine; p <- again(glm(Days ~ Sex + Age + Lrn, poisson, d, control = ctl)); nb <- glm.nb(Days ~ Sex + Age + Lrn, d, control = glm.control(epsilon = 1e-14, maxit = 200))
quinej <- paste0("{\"days\":", lst(d$Days), ",\"Sex\":", str(d$Sex), ",\"Age\":", str(d$Age), ",\"Lrn\":", str(d$Lrn), "}")
count <- paste0("{\"coef\":", lst(coef(p)), ",\"se\":", lst(sd_(vcov(p))), ",\"deviance\":", num(deviance(p)), ",\"null\":", num(p$null.deviance), ",\"loglik\":", num(as.numeric(logLik(p))), ",\"pearson\":", num(sum(resid(p, "pearson")^2)),
  ",\"nb\":", lst(coef(nb)), ",\"nb_se\":", lst(sd_(vcov(nb))), ",\"theta\":", num(nb$theta), ",\"theta_se\":", num(nb$SE.theta), ",\"nb_loglik\":", num(as.numeric(logLik(nb))), "}")
h <- housing; po <- polr(Sat ~ Infl + Type + Cont, h, weights = Freq, Hess = TRUE, control = list(reltol = 1e-15, maxit = 2000))
mn <- multinom(Sat ~ Infl + Type + Cont, h, weights = Freq, trace = FALSE, reltol = 1e-15, abstol = 1e-12, maxit = 5000, Hess = TRUE); s <- summary(mn)
housingj <- paste0("{\"Sat\":", str(h$Sat), ",\"Infl\":", str(h$Infl), ",\"Type\":", str(h$Type), ",\"Cont\":", str(h$Cont), ",\"freq\":", lst(h$Freq), "}")
cat("{\"r\":\"", R.version.string, "\",\"packages\":\"", paste(vapply(c("sandwich", "clubSandwich", "MASS", "nnet", "brglm2"), function(p) paste(p, packageVersion(p)), ""), collapse = ", "), "\",\n\"infert\":", infertj, ",\n\"quine\":", quinej, ",\n\"housing\":", housingj,
  ",\n\"logistic\":", logi, ",\n\"count\":", count, ",\n\"odds\":{\"beta\":", lst(coef(po)), ",\"zeta\":", lst(po$zeta), ",\"se\":", lst(sd_(vcov(po))), ",\"deviance\":", num(po$deviance), "},\n\"multinomial\":{\"coef\":", tab(s$coefficients), ",\"se\":", tab(s$standard.errors), ",\"deviance\":", num(mn$deviance), "}}\n", sep = "")
